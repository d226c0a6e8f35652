// Builds for several platforms, indexes that builds add to, and what a recipe says of itself without a build.
#include <unistd.h>

#include <fstream>
#include <memory>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

/// localhost/base: an index of an image for amd64 and one for arm64, and for nothing else.
void make_base(const Ecrin& ecrin) {
  ecrin.build("from: scratch\nsteps:\n  - write: {dest: /base, content: \"${TARGETARCH}\", expand: true}\n",
              {"--platform", "linux/amd64,linux/arm64", "-t", "base"});
}

Outcome build(const Ecrin& ecrin, const std::string& containerfile, Arguments flags) {
  ecrin.context("Containerfile", containerfile);
  flags.insert(flags.begin(), "build");
  flags.push_back(ecrin.context_directory());
  return ecrin(flags);
}

std::string must_build(const Ecrin& ecrin, const std::string& containerfile, Arguments flags) {
  const Outcome outcome = build(ecrin, containerfile, std::move(flags));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return lines_of(outcome.out).back();
}

std::vector<std::string> platforms_in(const Ecrin& ecrin, const std::string& index) {
  std::vector<std::string> platforms;
  const nlohmann::json shown = ecrin.json({"manifest", "inspect", index});
  for (const auto& entry : shown.at("manifests")) {
    platforms.push_back(entry.at("platform").at("os").get<std::string>() + "/" +
                        entry.at("platform").at("architecture").get<std::string>());
  }
  return platforms;
}

std::string content(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A file of the image for a platform.
std::string file_in(Ecrin& ecrin, const std::string& image, const std::string& platform,
                    const std::string& file) {
  static int count = 0;
  const std::string directory = ecrin.scratch() / ("tree-" + std::to_string(++count));
  ecrin.context("tree/Containerfile", "FROM " + image + "\n");
  ecrin.must({"build", "--platform", platform, "-o", directory, ecrin.context_directory() + "/tree"});
  return content(directory + file);
}

using Texts = std::vector<std::string>;
const Texts k_both = {"linux/amd64", "linux/arm64"};

}  // namespace

TEST_CASE("a recipe is built for several platforms, and its names mean their index", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  make_base(ecrin);
  CHECK(platforms_in(ecrin, "base") == k_both);
  ecrin.context("file", "text\n");
  const std::string iidfile = ecrin.scratch() / "iid";
  const std::string text =
      "FROM base\nARG TARGETPLATFORM TARGETARCH\nCOPY file /$TARGETARCH/\nLABEL p=$TARGETPLATFORM\n";
  const std::string id = must_build(
      ecrin, text,
      {"--platform", "linux/amd64,linux/arm64/v8", "-t", "app", "-t", "app:2", "--iidfile", iidfile});
  CHECK(content(iidfile) == id);
  CHECK(platforms_in(ecrin, "app") == k_both);
  CHECK(ecrin.inspect("app").at("Digest") == id);
  CHECK(ecrin.inspect("app:2").at("Digest") == id);
  for (const std::string architecture : {"amd64", "arm64"}) {
    INFO(architecture);
    const auto shown = ecrin.json({"inspect", "--platform", "linux/" + architecture, "app"})[0];
    CHECK(shown.at("Architecture") == architecture);
    CHECK(shown.at("Config").at("Labels").at("p") == "linux/" + architecture);
    CHECK(file_in(ecrin, "app", "linux/" + architecture, "/" + architecture + "/file") == "text\n");
    CHECK(file_in(ecrin, "app", "linux/" + architecture, "/base") == architecture);
  }
  // The images are parts of the index: no images of their own, and gone with it.
  CHECK(lines_of(ecrin.must({"images", "-q"})).size() == 2);
  // Once more: the same bytes, and nothing runs.
  const Outcome again =
      build(ecrin, text,
            {"--platform", "linux/amd64", "--platform", "linux/arm64", "-t", "app", "--progress", "json"});
  CHECK(lines_of(again.out).back() == id);
  CHECK(count_state(step_reports(again), "done") == 0);
  CHECK(contains(again.err, "\"platform\":\"linux/arm64\""));
}

TEST_CASE("one platform given twice is one image", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  must_build(ecrin, "FROM scratch\nLABEL a=b\n",
             {"--platform", "linux/arm64,arm64,linux/arm64/v8", "-t", "one"});
  CHECK(ecrin.inspect("one").at("Architecture") == "arm64");
  CHECK(ecrin({"manifest", "exists", "one"}).code == 1);
}

TEST_CASE("a stage on this machine's platform runs once for all platforms") {
  Ecrin ecrin;
  ecrin.context("file", "text\n");
  const std::string text = R"(FROM --platform=$BUILDPLATFORM localhost/busybox AS build
COPY file /in
RUN cat /in /in > /out && date +%N >> /out
FROM scratch
ARG TARGETARCH
COPY --from=build /out /out
COPY file /$TARGETARCH
)";
  const Outcome outcome =
      build(ecrin, text, {"--platform", "linux/s390x,linux/riscv64", "-t", "app", "--progress", "json"});
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  std::size_t runs = 0;
  for (const StepReport& step : step_reports(outcome))
    if (step.state == "done" && contains(step.text, "cat /in")) ++runs;
  CHECK(runs == 1);
  CHECK(file_in(ecrin, "app", "linux/s390x", "/out") == file_in(ecrin, "app", "linux/riscv64", "/out"));
  CHECK(file_in(ecrin, "app", "linux/riscv64", "/riscv64") == "text\n");
}

TEST_CASE("a build for several platforms is written whole, or refused before it begins", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const std::string text =
      "FROM scratch\nARG TARGETARCH\nLABEL a=$TARGETARCH\nCOPY <<EOF /arch\n$TARGETARCH\nEOF\n";
  const std::string both = "linux/amd64,linux/arm64";
  const std::string archive = ecrin.scratch() / "app.tar";
  const std::string layout = ecrin.scratch() / "layout/";
  const std::string local = ecrin.scratch() / "local";
  const std::string id = must_build(ecrin, text,
                                    {"--platform", both, "-t", "app", "-o", "type=oci,dest=" + archive, "-o",
                                     "type=oci,dest=" + layout, "-o", "type=local,dest=" + local});
  for (const std::string& place : {archive, layout}) {
    INFO(place);
    Ecrin other(Ecrin::Base::none);
    other.must({"load", "-i", place});
    CHECK(other.inspect("app").at("Digest") == id);
    CHECK(other.json({"inspect", "--platform", "linux/arm64", "app"})[0].at("Config").at("Labels").at("a") ==
          "arm64");
  }
  CHECK(content(local + "/linux_amd64/arch") == "amd64\n");
  CHECK(content(local + "/linux_arm64/arch") == "arm64\n");
  const std::string before = ecrin.store_state();
  for (const std::string type : {"docker", "tar"}) {
    INFO(type);
    const Outcome refused = build(
        ecrin, "FROM scratch\nLABEL new=1\n",
        {"--platform", both, "-t", "other", "-o", "type=" + type + ",dest=" + (ecrin.scratch() / "refused")});
    CHECK(one_error(refused));
    CHECK(contains(refused.err, "holds one image"));
    CHECK(::access((ecrin.scratch() / "refused").c_str(), F_OK) != 0);
  }
  CHECK(one_error(build(ecrin, text, {"--platform", "linux/amd64,what/ever/is/this"})));
  CHECK(one_error(build(ecrin, text, {"--platform", "linux/amd64,"})));
  CHECK(ecrin.store_state() == before);
}

TEST_CASE("what is said of the image counts for each platform", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  make_base(ecrin);
  const std::string metadata = ecrin.scratch() / "metadata";
  const std::string id = must_build(ecrin, "FROM localhost/base\nCOPY <<a <<b /\na\nb\n",
                                    {"--platform", "linux/amd64,linux/arm64", "-t", "app", "--squash-all",
                                     "--label", "l=1", "--metadata-file", metadata});
  const auto told = nlohmann::json::parse(content(metadata));
  CHECK(told.at("containerimage.digest") == id);
  CHECK(told.at("containerimage.descriptor").at("mediaType") == "application/vnd.oci.image.index.v1+json");
  CHECK_FALSE(told.contains("containerimage.config.digest"));
  for (const std::string platform : {"linux/amd64", "linux/arm64"}) {
    const auto shown = ecrin.json({"inspect", "--platform", platform, "app"})[0];
    CHECK(shown.at("Config").at("Labels").at("l") == "1");
    CHECK(shown.at("RootFS").at("Layers").size() == 1);
  }
  // No image of its own, squashed or not.
  CHECK(lines_of(ecrin.must({"images", "-q"})).size() == 2);
}

TEST_CASE("when one platform fails, nothing gets a name", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  make_base(ecrin);
  const Outcome outcome = build(ecrin, "FROM localhost/base\nLABEL a=b\n",
                                {"--platform", "linux/arm64,linux/s390x", "-t", "app"});
  CHECK(one_error(outcome));
  CHECK(contains(outcome.err, "linux/amd64, linux/arm64"));
  CHECK(contains(outcome.err, "while building for linux/s390x"));
  CHECK(ecrin({"exists", "app"}).code == 1);
}

TEST_CASE("builds add to an index, which the first of them makes", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const auto text = [](const std::string& version) { return "FROM scratch\nLABEL v=" + version + "\n"; };
  must_build(ecrin, text("1"), {"--platform", "linux/amd64", "--manifest", "multi"});
  CHECK(platforms_in(ecrin, "multi") == Texts{"linux/amd64"});
  must_build(ecrin, text("1"), {"--platform", "linux/arm64", "--manifest", "multi", "-t", "mine"});
  CHECK(platforms_in(ecrin, "multi") == k_both);
  CHECK(ecrin.inspect("mine").at("Architecture") == "arm64");
  // A new image for a platform takes the place of the old one.
  must_build(ecrin, text("2"), {"--platform", "linux/amd64", "--manifest", "multi"});
  CHECK(platforms_in(ecrin, "multi").size() == 2);
  const auto version = [&](const std::string& architecture) {
    return ecrin.json({"inspect", "--platform", "linux/" + architecture, "multi"})[0]
        .at("Config")
        .at("Labels")
        .at("v")
        .get<std::string>();
  };
  CHECK(version("amd64") == "2");
  CHECK(version("arm64") == "1");
  const std::string id =
      must_build(ecrin, text("3"), {"--platform", "linux/arm64,linux/s390x", "--manifest", "multi"});
  CHECK(ecrin.inspect("multi").at("Digest") == id);
  CHECK(platforms_in(ecrin, "multi").size() == 3);
  CHECK(version("arm64") == "3");
  CHECK(one_error(build(ecrin, text("4"), {"--manifest", "mine"})));
  CHECK(one_error(build(ecrin, text("4"), {"--manifest", "x", "-t", "x"})));
  CHECK(ecrin({"exists", "x"}).code == 1);
}

TEST_CASE("many builds make one index, and nothing is lost", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context("Containerfile", "FROM scratch\nARG TARGETARCH\nLABEL a=$TARGETARCH\n");
  const Texts architectures = {"amd64", "arm64", "s390x", "ppc64le", "riscv64"};
  std::vector<std::unique_ptr<Running>> builds;
  for (const std::string& architecture : architectures) {
    builds.push_back(std::make_unique<Running>(ecrin.invocation(
        {"build", "--platform", "linux/" + architecture, "--manifest", "multi", ecrin.context_directory()})));
  }
  for (const auto& running : builds) {
    const Outcome outcome = running->wait();
    INFO(outcome.description);
    CHECK(outcome.code == 0);
  }
  CHECK(platforms_in(ecrin, "multi").size() == architectures.size());
}

TEST_CASE("targets and outline are told without a build", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  const std::string text = R"(# VERSION what to build
ARG VERSION=1
# build makes the program
FROM nowhere.invalid/none AS build
ARG VERSION
# DEBUG set it to see more
ARG DEBUG
RUN --mount=type=secret,id=token,required=true --mount=type=cache,target=/root/.cache make
RUN --mount=type=ssh git clone x
FROM scratch AS unused
RUN --mount=type=secret,id=other x
# app the program alone
FROM scratch AS app
COPY --from=build /app /app
)";
  CHECK(must_build(ecrin, text, {"--call", "targets"}) == "app (default)  the program alone");
  const auto targets = nlohmann::json::parse(build(ecrin, text, {"--call=targets,format=json"}).out);
  REQUIRE(targets.at("targets").size() == 3);
  CHECK(targets["targets"][0].at("name") == "build");
  CHECK(targets["targets"][0].at("description") == "makes the program");
  CHECK(targets["targets"][0].at("base") == "nowhere.invalid/none");
  CHECK_FALSE(targets["targets"][0].contains("default"));
  CHECK(targets["targets"][2].at("default") == true);
  const auto outline = nlohmann::json::parse(
      build(ecrin, text, {"--call=outline,format=json", "--build-arg", "VERSION=2"}).out);
  CHECK(outline.at("name") == "app");
  CHECK(outline.at("description") == "the program alone");
  REQUIRE(outline.at("args").size() == 2);
  CHECK(outline["args"][0].at("name") == "VERSION");
  CHECK(outline["args"][0].at("value") == "2");
  CHECK(outline["args"][1].at("description") == "set it to see more");
  REQUIRE(outline.at("secrets").size() == 1);
  CHECK(outline["secrets"][0].at("name") == "token");
  CHECK(outline["secrets"][0].at("required") == true);
  CHECK(outline.at("ssh")[0].at("name") == "default");
  CHECK(outline.at("cache")[0].at("id") == "/root/.cache");
  CHECK(contains(build(ecrin, text, {"--call=outline"}).out, "BUILD ARG  VALUE  DESCRIPTION\n"));
  CHECK(contains(build(ecrin, text, {"--call=outline", "--target", "unused"}).out, "other"));
  CHECK(build(ecrin, "FROM scratch AS A\n", {"--call=check"}).code == 1);
  CHECK(one_error(build(ecrin, text, {"--call=outline", "--target", "none"})));
  CHECK(one_error(build(ecrin, text, {"--call=everything"})));
  CHECK(::access(ecrin.root().c_str(), F_OK) != 0);
}

TEST_CASE("a YAML recipe has targets and an outline too", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  ecrin.context("recipe.yaml", R"(args:
  VERSION: 1
stages:
  build:
    from: nowhere.invalid/none
    steps:
      - run: {command: make, mounts: [{secret: token}]}
  app:
    from: scratch
    steps:
      - copy: {from: build, src: /app, dest: /app}
)");
  const std::string file = ecrin.context_directory() + "/recipe.yaml";
  CHECK(contains(ecrin.must({"build", "--call=targets", file}), "app (default)"));
  const auto outline = ecrin.json({"build", "--call=outline,format=json", file});
  CHECK(outline.at("args")[0].at("value") == "1");
  CHECK(outline.at("secrets")[0].at("name") == "token");
}

TEST_CASE("an image that is alone serves on a platform that is not its own, and that is said",
          "[any-driver]") {
  Ecrin ecrin;
  ecrin.context("file", "content\n");
  ecrin.context("Containerfile", "FROM scratch\nCOPY file /\n");
  ecrin.must({"build", "-q", "--platform", "linux/s390x", "-t", "other", ecrin.context_directory()});
  ecrin.context("Containerfile",
                "FROM localhost/other\nCOPY file /second\nFROM localhost/busybox\n"
                "COPY --from=0 /second /from-stage\nCOPY --from=localhost/other /file /from-image\n");
  const Outcome outcome = ecrin({"build", "-t", "mixed", ecrin.context_directory()});
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  CHECK(contains(outcome.err, "note: 'localhost/other' is an image for linux/s390x, not for linux/"));
  CHECK(ecrin.in_container("mixed", {"cat", "/from-stage", "/from-image"}) == "content\ncontent\n");
  const Outcome started = ecrin({"run", "other", "/file"});
  CHECK(started.code == 126);
  CHECK(contains(started.err, "warning: 'other' is an image for linux/s390x, not for linux/"));
}

// Containerfiles from end to end: stages, arguments, shells, here-documents, triggers, mistakes.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

/// `ecrin build` of the context with this Containerfile in it.
Outcome try_containerfile(const Ecrin& ecrin, const std::string& text, Arguments flags = {}) {
  ecrin.context("Containerfile", text);
  Arguments arguments = {"build"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.push_back(ecrin.context_directory());
  return ecrin(arguments);
}

std::string containerfile(const Ecrin& ecrin, const std::string& text, Arguments flags = {}) {
  const Outcome outcome = try_containerfile(ecrin, text, std::move(flags));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return full_id(lines_of(outcome.out).back());
}

}  // namespace

TEST_CASE("stages, arguments, copies and settings of a Containerfile become an image") {
  Ecrin ecrin;
  ecrin.context("src/text", "from the context\n");
  const std::string id = containerfile(ecrin, R"(# syntax=docker/dockerfile:1
ARG BASE=busybox
ARG VERSION=1
FROM localhost/${BASE} AS build
ARG VERSION
WORKDIR /work
COPY src .
RUN echo "version $VERSION" > version && cp text copied
RUN <<EOF
echo first > lines
echo "second $VERSION" >> lines
echo first > lines
echo "second $VERSION" >> lines
EOF

FROM nowhere.invalid/none AS unused
RUN exit 9

FROM localhost/busybox
COPY --from=build /work/version /work/lines /out/
COPY --from=0 --chown=1000:2000 --chmod=0640 /work/copied /out/copied
COPY <<one <<'two' /inline/
path $PATH
one
path $PATH
two
ENV GREETING="hello ${NAME:-world}"
LABEL a=1 b="two words"
EXPOSE 8000-8001 53/UDP
VOLUME /data
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s CMD true
USER someone
ENTRYPOINT ["/bin/echo"]
CMD ["from", "cmd"]
)");
  CHECK(ecrin.must({"run", "--rm", id}) == "from cmd");
  const auto in_container = [&](Arguments command) {
    Arguments arguments = {"run", "--rm", "--user", "0", "--entrypoint", command[0], id};
    arguments.insert(arguments.end(), command.begin() + 1, command.end());
    return ecrin.must(arguments);
  };
  CHECK(in_container({"cat", "/out/version", "/out/lines", "/out/copied"}) ==
        "version 1\nfirst\nsecond 1\nfrom the context");
  CHECK(in_container({"stat", "-c", "%u:%g %a", "/out/copied"}) == "1000:2000 640");
  CHECK(contains(in_container({"cat", "/inline/one"}), "path /"));
  CHECK(in_container({"cat", "/inline/two"}) == "path $PATH");
  const auto config = ecrin.inspect(id)["Config"];
  CHECK(config["Labels"]["b"] == "two words");
  CHECK(config["ExposedPorts"].size() == 3);
  CHECK(config["ExposedPorts"].contains("53/udp"));
  CHECK(config["StopSignal"] == "SIGINT");
  CHECK(config["User"] == "someone");
  CHECK(contains(config["Env"].dump(), "GREETING=hello world"));
  CHECK_FALSE(contains(config["Env"].dump(), "VERSION"));
}

TEST_CASE("build finds a Containerfile by name, before a recipe, and by its content") {
  Ecrin ecrin;
  const std::string text = "FROM localhost/busybox\nRUN echo found > /found\n";
  ecrin.context("odd-name", text);
  const std::string directory = ecrin.context_directory();
  const std::string by_content = ecrin.must({"build", "-q", "-f", directory + "/odd-name", directory});
  ecrin.context("Dockerfile", text);
  CHECK(ecrin.must({"build", "-q", directory}) == by_content);
  CHECK(ecrin.must({"build", "-q", directory + "/Dockerfile"}) == by_content);
  CHECK(ecrin.must({"build", "-q", "-f", "odd-name", directory}) == by_content);
  Invocation from_input = ecrin.invocation({"build", "-q", "-f", "-", directory});
  from_input.input = text;
  CHECK(trimmed(run(from_input).out) == by_content);
  ecrin.context("recipe.yaml", "from: localhost/busybox\n");
  const Outcome both = ecrin({"build", directory});
  CHECK(contains(both.out, by_content));
  CHECK(contains(both.err, "recipe.yaml"));
}

TEST_CASE("a Dockerfile in lower case is found") {
  Ecrin ecrin;
  ecrin.context("dockerfile", "FROM localhost/busybox\nLABEL a=b\n");
  const Outcome outcome = ecrin({"build", ecrin.context_directory()});
  INFO(outcome.description);
  CHECK(outcome.code == 0);
}

TEST_CASE("shell forms, exec forms and SHELL") {
  Ecrin ecrin;
  const std::string id = containerfile(ecrin, R"(FROM localhost/busybox
ENV X=env
RUN echo "$X a" > /a; false; true
RUN ["sh", "-c", "echo \"$X b\" > /b"]
SHELL ["/bin/sh", "-x", "-c"]
RUN echo "$- c" > /c
RUN <<EOF
#!/bin/sh
echo "$0" > /script
EOF
CMD echo shell form $X
)");
  CHECK(ecrin.must({"run", "--rm", id}) == "shell form env");
  CHECK(ecrin.in_container(id, {"cat", "/a", "/b"}) == "env a\nenv b\n");
  CHECK(contains(ecrin.in_container(id, {"cat", "/c"}), "x"));
  CHECK(ecrin.in_container(id, {"cat", "/script"}) == "/dev/pipes/EOF\n");
  CHECK(ecrin.inspect(id)["Config"]["Shell"].size() == 3);
}

TEST_CASE("targets by name in any case or by number, and the code of a step that fails") {
  Ecrin ecrin;
  const std::string text =
      "FROM localhost/busybox AS First\nRUN echo 1 > /n\nFROM first\nRUN echo 2 > /n\nFROM first AS bad\n"
      "RUN exit 7\n";
  CHECK(ecrin.in_container(containerfile(ecrin, text, {"--target", "FIRST"}), {"cat", "/n"}) == "1\n");
  CHECK(ecrin.in_container(containerfile(ecrin, text, {"--target", "1"}), {"cat", "/n"}) == "2\n");
  CHECK(try_containerfile(ecrin, text).code == 7);
  const Outcome unknown = try_containerfile(ecrin, text, {"--target", "none"});
  CHECK(unknown.code == 125);
  CHECK(contains(unknown.err, "there is no stage 'none'"));
}

TEST_CASE("build arguments come from flags, files and the environment") {
  Ecrin ecrin;
  const std::string text = "FROM localhost/busybox\nARG A=0 B=0 C=0\nRUN echo $A $B $C > /args\n";
  ecrin.context("args", "# a comment\nA=file\n\nB=file\nC\n");
  ecrin.environment["C"] = "environment";
  const std::string id = containerfile(
      ecrin, text, {"--build-arg-file", ecrin.context_directory() + "/args", "--build-arg", "B=flag"});
  CHECK(ecrin.in_container(id, {"cat", "/args"}) == "file flag environment\n");
  const Outcome unused = try_containerfile(ecrin, text, {"--build-arg", "D=1", "--build-arg", "A=1"});
  CHECK(unused.code == 0);
  CHECK(contains(unused.err, "no ARG declares the build argument D"));
}

TEST_CASE("an argument decides what runs again, proxies decide nothing and stay nowhere") {
  Ecrin ecrin;
  const std::string text =
      "FROM localhost/busybox\nRUN echo before\nARG A=1\nRUN echo \"$http_proxy\" > /p\n";
  const auto runs = [&](Arguments flags) {
    flags.insert(flags.end(), {"--progress", "json"});
    const Outcome outcome = try_containerfile(ecrin, text, flags);
    INFO(outcome.description);
    REQUIRE(outcome.code == 0);
    std::size_t count = 0;
    for (const StepReport& step : step_reports(outcome)) {
      if (step.text.starts_with("RUN") && step.state == "done") ++count;
    }
    return count;
  };
  CHECK(runs({"--build-arg", "http_proxy=one"}) == 2);
  CHECK(runs({"--build-arg", "http_proxy=two"}) == 0);
  CHECK(runs({"--build-arg", "A=2"}) == 1);
  const std::string id = containerfile(ecrin, text);
  CHECK(ecrin.in_container(id, {"cat", "/p"}) == "one\n");
  CHECK_FALSE(contains(ecrin.must({"inspect", id}), "http_proxy="));
}

TEST_CASE("triggers of an image run in builds on top of it, once") {
  Ecrin ecrin;
  containerfile(ecrin, "FROM localhost/busybox\nONBUILD COPY file /file\nONBUILD RUN cp /file /copy\n",
                {"-t", "with-triggers"});
  ecrin.context("file", "of the child\n");
  const std::string child =
      containerfile(ecrin, "FROM localhost/with-triggers\nRUN cat /copy > /seen\n", {"-t", "child"});
  CHECK(ecrin.in_container(child, {"cat", "/seen"}) == "of the child\n");
  CHECK(ecrin.inspect(child)["Config"].value("OnBuild", nlohmann::json::array()).empty());
  // The triggers would bring the file back to its copy.
  const std::string grandchild = containerfile(ecrin, "FROM localhost/child\nRUN rm /copy\n");
  CHECK(ecrin({"run", "--rm", grandchild, "test", "-e", "/copy"}).code == 1);
}

TEST_CASE("what is wrong in a Containerfile is shown at its place") {
  Ecrin ecrin;
  const auto refused = [&](const std::string& text) {
    const Outcome outcome = try_containerfile(ecrin, text);
    INFO(outcome.description);
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
    return outcome.err;
  };
  CHECK(contains(refused("FROM localhost/busybox\nRNU true\n"), "Containerfile:2:1: "));
  CHECK(contains(refused("FROM localhost/busybox\nENV X=${Y:?missing}\n"), "Containerfile:2:7: Y: missing"));
  CHECK(contains(refused("FROM localhost/busybox\nRUN --security=insecure true\n"), "--security=insecure"));
  CHECK(contains(refused("FROM localhost/busybox\nCOPY --from=5 /x /x\n"), "there is no stage 5"));
  CHECK(contains(refused("ARG I\nFROM $I\n"), "Containerfile:2:6: "));
}

TEST_CASE("a Containerfile from scratch has a PATH and nothing else") {
  Ecrin ecrin;
  ecrin.context("file", "x");
  const std::string id = containerfile(ecrin, "FROM scratch\nCOPY file /file\n");
  const auto config = ecrin.inspect(id)["Config"];
  CHECK(config["Env"].size() == 1);
  CHECK(ecrin.diff_ids(id).size() == 1);
}

TEST_CASE("a process has its group among the others, as docker's have") {
  Ecrin ecrin;
  const std::string id = containerfile(ecrin, R"(FROM localhost/busybox
RUN printf 'root:x:0:0::/:\nuser:x:7:8::/:\n' > /etc/passwd && printf 'more:x:9:user\n' > /etc/group
USER user
RUN id -G > /tmp/named
USER 7:9
RUN id -G > /tmp/numbers
)");
  CHECK(ecrin.in_container(id, {"sh", "-c", "cat /tmp/named /tmp/numbers; grep Groups /proc/self/status"}) ==
        "8 9\n9\nGroups:\t9 \n");
}

TEST_CASE("a cache of another user is another cache") {
  Ecrin ecrin;
  const std::string text = R"(FROM localhost/busybox
RUN --mount=type=cache,target=/cache touch /cache/of-root
USER 7
RUN --mount=type=cache,target=/cache,uid=7,gid=8,mode=0700 touch /cache/of-7; ls -ldn /cache > /tmp/what; ls /cache >> /tmp/what
)";
  const std::string id = containerfile(ecrin, text);
  const std::string what = ecrin.in_container(id, {"cat", "/tmp/what"});
  CHECK(what.starts_with("drwx------ "));
  CHECK(contains(what, " 7 "));
  CHECK(what.ends_with("/cache\nof-7\n"));
  containerfile(ecrin, text, {"--no-cache"});
}

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/oci/registry/client_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

const std::string k_type = "application/vnd.oci.image.manifest.v1+json";

// Something that refers to `subject`, as a raw manifest whose blobs are in the registry.
RawManifest make_referrer(MemoryRegistry& registry, const PushedImage& subject,
                          const std::string& artifact_type, const std::string& note) {
  const std::string empty = "{}";
  registry.add_blob("team/app", empty);
  const nlohmann::json manifest = {
      {"schemaVersion", 2},
      {"mediaType", k_type},
      {"artifactType", artifact_type},
      {"config",
       {{"mediaType", "application/vnd.oci.empty.v1+json"}, {"digest", digest_of(empty)}, {"size", 2}}},
      {"layers", nlohmann::json::array()},
      {"subject",
       {{"mediaType", k_type}, {"digest", subject.digest.to_string()}, {"size", subject.manifest.size()}}},
      {"annotations", {{"note", note}}}};
  return must(RawManifest::from_bytes(manifest.dump(), k_type, "referrer"));
}

class Answers final : public HttpTransport {
public:
  std::function<HttpResponse(const HttpRequest&)> answer;
  int count = 0;
  Result<HttpResponse> send(const HttpRequest& request, const CancelToken*) override {
    ++count;
    return answer(request);
  }
};

HttpResponse page(const std::string& body, const std::string& link = "") {
  HttpResponse response{.status = 200};
  if (!link.empty()) response.headers = {{"Link", link}};
  response.body = std::make_unique<MemorySource>(body);
  return response;
}

RegistryClient client_of(Answers& answers) {
  return RegistryClient(answers, {.url = "http://registry.test", .registry = "registry.test", .tls = {}},
                        "team/app", {});
}

}  // namespace

TEST_CASE("tags come in pages") {
  MemoryRegistryOptions options;
  options.page = 3;
  ClientFixture fixture(options);
  std::vector<std::string> expected;
  for (int i = 0; i < 10; ++i) {
    expected.push_back("v" + std::to_string(i));
    push_image(fixture.registry, "team/app", expected.back(), {});
  }
  CHECK(must(fixture.client().list_tags(nullptr)) == expected);
  CHECK(fixture.registry.count("/tags/list") == 4);
  fixture.registry.order(Fault::unavailable, 2, "/tags/list");
  fixture.registry.order(Fault::cut, 1, "/tags/list");
  CHECK(must(fixture.client().list_tags(nullptr)) == expected);
  CHECK(fixture.client("team/none").list_tags(nullptr).error().kind() == ErrorKind::not_found);
}

TEST_CASE("pages that do not end, or end elsewhere, are refused") {
  Answers answers;
  answers.answer = [](const HttpRequest&) {
    return page(R"({"tags":["a"]})", "</v2/team/app/tags/list>; rel=\"next\"");
  };
  CHECK(client_of(answers).list_tags(nullptr).error().kind() == ErrorKind::limit);
  CHECK(answers.count < 5);
  int number = 0;
  answers.answer = [&](const HttpRequest&) {
    return page(R"({"tags":["a"]})", fmt::format("</v2/team/app/tags/list?last={}>; rel=\"next\"", ++number));
  };
  CHECK(client_of(answers).list_tags(nullptr).error().kind() == ErrorKind::limit);
  CHECK(number <= 2001);
  answers.answer = [](const HttpRequest&) {
    return page(R"({"tags":[]})", "<http://evil.test/x>; rel=\"next\"");
  };
  CHECK(client_of(answers).list_tags(nullptr).error().kind() == ErrorKind::denied);
}

TEST_CASE("links are found among others, and odd answers are no crash") {
  Answers answers;
  bool first = true;
  answers.answer = [&](const HttpRequest&) {
    const bool now = first;
    first = false;
    return now ? page(R"({"tags":["a"]})", "</x>; rel=\"prev\", <?last=a>; title=\"t\"; rel=\"next\"")
               : page(R"({"tags":["b"]})");
  };
  CHECK(must(client_of(answers).list_tags(nullptr)) == std::vector<std::string>{"a", "b"});
  const auto with = [&](const std::string& body, const std::string& link = "") {
    answers.answer = [body, link](const HttpRequest&) { return page(body, link); };
    return client_of(answers).list_tags(nullptr);
  };
  CHECK(must(with(R"({"name":"x","tags":null})")).empty());
  CHECK(must(with("{}", "garbage")).empty());
  CHECK(must(with("{}", "<unclosed")).empty());
  CHECK(with("[]").error().kind() == ErrorKind::invalid);
  CHECK(with("<html>").error().kind() == ErrorKind::invalid);
  CHECK(with(R"({"tags":[5]})").error().kind() == ErrorKind::invalid);
  for (const char* tag : {"../../etc/passwd", "a/b", "", "a b", "\\u001b[31m", "a@b", "a:b"}) {
    CAPTURE(tag);
    CHECK(with(fmt::format(R"({{"tags":["{}"]}})", tag)).error().kind() == ErrorKind::invalid);
  }
  CHECK(with(std::string(9u << 20, ' ')).error().kind() == ErrorKind::limit);
}

TEST_CASE("referrers come from the API, in pages, of all types or of one") {
  MemoryRegistryOptions options;
  options.page = 2;
  ClientFixture fixture(options);
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {});
  RegistryClient client = fixture.client();
  for (int i = 0; i < 5; ++i) {
    const RawManifest one =
        make_referrer(fixture.registry, image, i < 2 ? "text/sbom" : "text/signature", std::to_string(i));
    CHECK(client.put_manifest(one, {"", one.digest}, nullptr));
  }
  CHECK(must(client.list_referrers(image.digest, "", nullptr)).size() == 5);
  const auto boms = must(client.list_referrers(image.digest, "text/sbom", nullptr));
  REQUIRE(boms.size() == 2);
  CHECK(boms[0].artifact_type == "text/sbom");
  CHECK(fixture.registry.manifest("team/app", referrers_tag(image.digest)).empty());
  CHECK(must(client.list_referrers(digest("nobody's subject"), "", nullptr)).empty());
}

TEST_CASE("without the API the tag of the subject lists its referrers") {
  MemoryRegistryOptions options;
  options.referrers = false;
  ClientFixture fixture(options);
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {});
  RegistryClient client = fixture.client();
  CHECK(must(client.list_referrers(image.digest, "", nullptr)).empty());
  const RawManifest first = make_referrer(fixture.registry, image, "text/sbom", "one");
  const RawManifest second = make_referrer(fixture.registry, image, "text/signature", "two");
  for (const RawManifest& one : {first, second, first})
    CHECK(client.put_manifest(one, {"", one.digest}, nullptr));
  CHECK_FALSE(fixture.registry.manifest("team/app", "sha256-" + image.digest.hex()).empty());
  const auto all = must(client.list_referrers(image.digest, "", nullptr));
  REQUIRE(all.size() == 2);
  CHECK(all[0].digest == first.digest);
  CHECK(all[0].annotations.at("note") == "one");
  CHECK(must(client.list_referrers(image.digest, "text/signature", nullptr)).at(0).digest == second.digest);
}

TEST_CASE("the tag of a long digest fits a tag") {
  CHECK(referrers_tag(digest("x")).size() == 71);
  const Digest long_one = must(Digest::parse("sha512:" + std::string(128, 'a')));
  CHECK(referrers_tag(long_one) == "sha512-" + std::string(64, 'a'));
}

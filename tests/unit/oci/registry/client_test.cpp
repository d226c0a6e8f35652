#include "oci/registry/client.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/oci/registry/client_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

const std::string k_index_type = "application/vnd.oci.image.index.v1+json";
const std::string k_manifest_type = "application/vnd.oci.image.manifest.v1+json";

ManifestName tag(const std::string& name) {
  return {name, std::nullopt};
}
ManifestName by(const Digest& digest) {
  return {"", digest};
}

}  // namespace

TEST_CASE("a manifest comes by tag and by digest, with its own bytes") {
  ClientFixture fixture;
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {"layer"});
  RegistryClient client = fixture.client();
  for (const ManifestName& name : {tag("v1"), by(image.digest)}) {
    const RawManifest manifest = must(client.get_manifest(name, nullptr));
    CHECK(manifest.bytes == image.manifest);
    CHECK(manifest.digest == image.digest);
    CHECK(manifest.media_type == k_manifest_type);
    const auto head = must(client.head_manifest(name, nullptr));
    REQUIRE(head);
    CHECK(head->digest == image.digest);
    CHECK(head->size == image.manifest.size());
    CHECK(head->media_type == k_manifest_type);
  }
  CHECK_FALSE(must(client.head_manifest(tag("none"), nullptr)));
  CHECK(client.name_of(by(image.digest)) == "registry.test/team/app@" + image.digest.to_string());
}

TEST_CASE("what is not there is named, with what to do") {
  ClientFixture fixture;
  push_image(fixture.registry, "team/app", "v1", {});
  const auto missing = fixture.client().get_manifest(tag("v2"), nullptr);
  CHECK(missing.error().kind() == ErrorKind::not_found);
  CHECK(contains(error_of(missing),
                 "cannot read the manifest of 'registry.test/team/app:v2': status 404, manifest "
                 "unknown (manifest unknown)"));
  CHECK(contains(error_of(missing), "look for mistakes in 'registry.test/team/app'"));
  CHECK(fixture.client("team/none").get_manifest(tag("v1"), nullptr).error().kind() == ErrorKind::not_found);
}

TEST_CASE("a manifest that fails in passing comes in the end") {
  for (const Fault fault : {Fault::too_many, Fault::too_many_date, Fault::internal_error, Fault::bad_gateway,
                            Fault::unavailable, Fault::reset, Fault::lost_answer, Fault::cut}) {
    CAPTURE(fault_name(fault));
    ClientFixture fixture;
    const PushedImage image = push_image(fixture.registry, "team/app", "v1", {});
    fixture.registry.order(fault, 2);
    const auto manifest = fixture.client().get_manifest(tag("v1"), nullptr);
    CHECK(error_of(manifest) == "no error");
    CHECK(fixture.registry.happened(fault) == 2);
    CHECK(fixture.registry.count("/manifests/v1") == 3);
    CHECK(fixture.time.slept().size() == 2);
    if (fault == Fault::too_many || fault == Fault::too_many_date) CHECK(fixture.time.slept()[0] >= 1000);
  }
}

TEST_CASE("a manifest that fails for good is one clear error") {
  struct Case {
    Fault fault;
    ErrorKind kind;
    std::string text;
    std::string hint;
    int requests;
  };
  const std::vector<Case> cases = {
      {Fault::too_many, ErrorKind::network, "status 429, too many requests", "ecrin login registry.test", 5},
      {Fault::too_long_wait, ErrorKind::network, "asks to wait (86400)", "try again later", 1},
      {Fault::internal_error, ErrorKind::network, "status 500, something broke", "try again later", 5},
      {Fault::bad_gateway, ErrorKind::network, "status 502, bad gateway", "try again later", 5},
      {Fault::reset, ErrorKind::network, "the connection was reset", "", 5},
      {Fault::cut, ErrorKind::network, "the connection was cut", "", 5},
      {Fault::forbidden, ErrorKind::denied, "status 403, requested access to the resource is denied",
       "ask the owner of registry.test/team/app", 1},
      {Fault::wrong_header_digest, ErrorKind::invalid, "the registry calls it", "do not trust it", 1},
      {Fault::wrong_bytes, ErrorKind::invalid, "the registry calls it", "", 1},
      {Fault::endless, ErrorKind::limit, "more than the 4194304 bytes", "", 1},
      {Fault::huge_header, ErrorKind::limit, "headers are too large", "", 1},
  };
  for (const Case& one : cases) {
    CAPTURE(fault_name(one.fault));
    ClientFixture fixture;
    push_image(fixture.registry, "team/app", "v1", {});
    fixture.registry.order(one.fault, 1000, "/manifests/");
    const auto manifest = fixture.client().get_manifest(tag("v1"), nullptr);
    REQUIRE_FALSE(manifest);
    CHECK(manifest.error().kind() == one.kind);
    CHECK(contains(error_of(manifest), one.text));
    CHECK(contains(error_of(manifest), one.hint));
    CHECK(contains(error_of(manifest), "registry.test/team/app:v1"));
    CHECK(fixture.registry.count("/manifests/") == one.requests);
  }
}

TEST_CASE("a redirect loop ends") {
  ClientFixture fixture;
  push_image(fixture.registry, "team/app", "v1", {});
  fixture.registry.order(Fault::redirect_loop, 1000, "/v2/");
  const auto manifest = fixture.client().get_manifest(tag("v1"), nullptr);
  CHECK(contains(error_of(manifest), "more than 10 redirects"));
  CHECK(fixture.registry.requests().size() <= 55);
}

TEST_CASE("content with another digest is refused, by tag and by digest") {
  ClientFixture fixture;
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {});
  const Digest asked = digest("what was asked for");
  fixture.registry.add_false_manifest("team/app", asked.to_string(), k_manifest_type, image.manifest);
  const auto wrong = fixture.client().get_manifest(by(asked), nullptr);
  CHECK(wrong.error().kind() == ErrorKind::invalid);
  CHECK(contains(error_of(wrong), "but was asked for by " + asked.to_string()));
}

TEST_CASE("an index that names itself is not followed") {
  ClientFixture fixture;
  const Digest named = digest("some name");
  const std::string index =
      nlohmann::json(
          {{"schemaVersion", 2},
           {"mediaType", k_index_type},
           {"manifests", {{{"mediaType", k_index_type}, {"digest", named.to_string()}, {"size", 400}}}}})
          .dump();
  fixture.registry.add_manifest("team/app", "loop", k_index_type, index);
  fixture.registry.add_false_manifest("team/app", named.to_string(), k_index_type, index);
  CHECK(must(fixture.client().get_manifest(tag("loop"), nullptr)).bytes == index);
  CHECK(fixture.client().get_manifest(by(named), nullptr).error().kind() == ErrorKind::invalid);
}

TEST_CASE("the type is decided by the content when the registry does not say") {
  ClientFixture fixture;
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {});
  class Untyped final : public HttpTransport {
  public:
    std::string type;
    std::string bytes;
    Result<HttpResponse> send(const HttpRequest&, const CancelToken*) override {
      HttpResponse response{.status = 200, .headers = {{"Content-Type", type}}};
      response.body = std::make_unique<MemorySource>(bytes);
      return response;
    }
  } untyped;
  untyped.bytes = image.manifest;
  RegistryClient client(untyped, {.url = "http://registry.test", .registry = "registry.test", .tls = {}}, "a",
                        {});
  for (const char* type : {"", "text/plain; charset=utf-8", "application/json",
                           "Application/vnd.oci.image.manifest.v1+json; charset=utf-8"}) {
    untyped.type = type;
    CHECK(must(client.get_manifest(tag("v1"), nullptr)).media_type == k_manifest_type);
  }
  untyped.type = k_index_type;  // two readers would take it for two things
  CHECK(client.get_manifest(tag("v1"), nullptr).error().kind() == ErrorKind::invalid);
  untyped.type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  untyped.bytes = R"({"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]})";
  CHECK(contains(error_of(client.get_manifest(tag("v1"), nullptr)), "schema 1"));
  untyped.type = "text/html";
  untyped.bytes = "<html>";
  CHECK(client.get_manifest(tag("v1"), nullptr).error().kind() == ErrorKind::invalid);
}

TEST_CASE("a manifest is written by tag and by digest, and deleted") {
  ClientFixture fixture;
  const PushedImage image = push_image(fixture.registry, "team/app", "v1", {"layer"});
  RegistryClient client = fixture.client();
  const RawManifest manifest = must(client.get_manifest(tag("v1"), nullptr));
  CHECK(client.put_manifest(manifest, tag("v2"), nullptr));
  CHECK(fixture.registry.manifest("team/app", "v2") == image.manifest);
  CHECK(client.put_manifest(manifest, by(manifest.digest), nullptr));
  CHECK(client.delete_manifest(tag("v2"), nullptr));
  CHECK(fixture.registry.manifest("team/app", "v2").empty());
  CHECK(client.delete_manifest(by(image.digest), nullptr));
  CHECK(fixture.registry.manifest("team/app", "v1").empty());
  CHECK(client.delete_manifest(tag("v1"), nullptr).error().kind() == ErrorKind::not_found);
}

TEST_CASE("writing a manifest is tried again, also when only the answer was lost") {
  for (const Fault fault : {Fault::too_many, Fault::unavailable, Fault::reset, Fault::lost_answer}) {
    CAPTURE(fault_name(fault));
    ClientFixture fixture;
    const PushedImage image = push_image(fixture.registry, "team/app", "v1", {});
    RegistryClient client = fixture.client();
    const RawManifest manifest = must(client.get_manifest(tag("v1"), nullptr));
    fixture.registry.order(fault, 2, "PUT");
    CHECK(error_of(client.put_manifest(manifest, tag("v2"), nullptr)) == "no error");
    CHECK(fixture.registry.manifest("team/app", "v2") == image.manifest);
    CHECK(fixture.registry.count("PUT") == 3);
  }
}

TEST_CASE("a manifest whose blobs are not there is refused with the registry's words") {
  ClientFixture fixture;
  const PushedImage image = push_image(fixture.registry, "team/other", "v1", {"layer"});
  const RawManifest manifest = must(fixture.client("team/other").get_manifest(tag("v1"), nullptr));
  const auto refused = fixture.client().put_manifest(manifest, tag("v1"), nullptr);
  CHECK(refused.error().kind() == ErrorKind::invalid);
  CHECK(contains(error_of(refused), "blob unknown to registry (manifest blob unknown)"));
}

TEST_CASE("texts of a registry are shown, but not what they could do to a terminal") {
  class Rude final : public HttpTransport {
  public:
    std::string body;
    Result<HttpResponse> send(const HttpRequest&, const CancelToken*) override {
      HttpResponse response{.status = 400};
      response.body = std::make_unique<MemorySource>(body);
      return response;
    }
  } rude;
  RegistryClient client(rude, {.url = "http://registry.test", .registry = "registry.test", .tls = {}}, "a",
                        {});
  const auto say = [&](const std::string& body) {
    rude.body = body;
    return error_of(client.get_manifest(tag("v1"), nullptr));
  };
  CHECK(contains(say(R"({"errors":[{"code":"A","message":"\u001b[31mred"}]})"), "\\x1b[31mred (a)"));
  CHECK(say(R"({"errors":[{"code":"A","message":")" + std::string(60'000, 'm') + "\"}]}").size() < 1000);
  CHECK(contains(say(std::string(1u << 20, 'x')), "status 400, bad request"));
  CHECK(contains(say(R"({"errors":5})"), "status 400"));
  CHECK(contains(say(R"({"errors":[5,{"message":"only text"}]})"), "status 400"));
  CHECK(contains(say(R"({"details":"incorrect username or password"})"), "incorrect username"));
}

TEST_CASE("the user can stop everything") {
  ClientFixture fixture;
  push_image(fixture.registry, "team/app", "v1", {});
  fixture.registry.order(Fault::unavailable, 1000);
  CancelToken cancel;
  cancel.cancel();
  CHECK(fixture.client().get_manifest(tag("v1"), &cancel).error().kind() == ErrorKind::cancelled);
  CHECK(fixture.client().list_tags(&cancel).error().kind() == ErrorKind::cancelled);
}

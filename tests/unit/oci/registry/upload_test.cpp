#include "tests/support/catch.hpp"
#include "tests/unit/oci/registry/client_fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

constexpr std::size_t k_size = 300'000;

struct UploadFixture : ClientFixture {
  explicit UploadFixture(MemoryRegistryOptions options = {})
      : ClientFixture(std::move(options)), bytes(noise(k_size)), name(digest(bytes)) {}

  BlobOpener opener() {
    return [this](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
      ++opened;
      return std::make_unique<MemorySource>(bytes.substr(offset));
    };
  }
  Result<> upload(std::optional<std::uint64_t> size = k_size,
                  const std::optional<Credentials>& who = std::nullopt) {
    RegistryClient one = client("team/app", who);
    return one.upload_blob(name, size, opener(), nullptr);
  }
  bool arrived() const {
    return registry.has_blob("team/app", name.to_string()) &&
           registry.blob("team/app", name.to_string()) == bytes;
  }

  std::string bytes;
  Digest name;
  int opened = 0;
};

MemoryRegistryOptions with_chunks(std::uint64_t minimum) {
  MemoryRegistryOptions options;
  options.chunk_minimum = minimum;
  return options;
}

}  // namespace

TEST_CASE("a blob is uploaded in one piece") {
  UploadFixture fixture;
  CHECK(error_of(fixture.upload()) == "no error");
  CHECK(fixture.arrived());
  CHECK(fixture.registry.count("POST") == 1);
  CHECK(fixture.registry.count("PUT") == 1);
  CHECK(fixture.registry.requests().size() == 2);
  CHECK(fixture.registry.open_uploads() == 0);
}

TEST_CASE("an empty blob is uploaded too") {
  UploadFixture fixture;
  fixture.bytes.clear();
  fixture.name = digest("");
  CHECK(error_of(fixture.upload(0)) == "no error");
  CHECK(fixture.arrived());
  UploadFixture unknown;
  unknown.bytes.clear();
  unknown.name = digest("");
  CHECK(error_of(unknown.upload(std::nullopt)) == "no error");
  CHECK(unknown.arrived());
}

TEST_CASE("a blob of unknown size goes in chunks") {
  UploadFixture fixture;
  CHECK(error_of(fixture.upload(std::nullopt)) == "no error");
  CHECK(fixture.arrived());
  CHECK(fixture.registry.count("PATCH") == 1);
  UploadFixture large;
  large.bytes = noise(40u << 20);
  large.name = digest(large.bytes);
  CHECK(error_of(large.upload(std::nullopt)) == "no error");
  CHECK(large.arrived());
  CHECK(large.registry.count("PATCH") == 3);
  CHECK(large.opened == 1);
}

TEST_CASE("chunks are as the registry wants them") {
  UploadFixture fixture(with_chunks(100));  // small ones would be a waste: ours is the larger
  CHECK(error_of(fixture.upload()) == "no error");
  CHECK(fixture.arrived());
  CHECK(fixture.registry.count("PATCH") == 1);
  UploadFixture large(with_chunks(20u << 20));
  large.bytes = noise(50u << 20);
  large.name = digest(large.bytes);
  CHECK(error_of(large.upload(large.bytes.size())) == "no error");
  CHECK(large.arrived());
  CHECK(large.registry.count("PATCH") == 3);
  UploadFixture huge(with_chunks(512u << 20));
  CHECK(error_of(huge.upload()) == "no error");  // known size: it need not be held in memory
  CHECK(huge.arrived());
  UploadFixture impossible(with_chunks(512u << 20));
  CHECK(impossible.upload(std::nullopt).error().kind() == ErrorKind::unsupported);
  CHECK(impossible.registry.open_uploads() == 0);
}

TEST_CASE("an upload that is cut goes on where the registry stands") {
  for (const bool known : {true, false}) {
    for (const std::uint64_t chunk : {0u, 1000u}) {
      CAPTURE(known, chunk);
      UploadFixture fixture(with_chunks(chunk));
      fixture.registry.order(Fault::cut_upload, 2);
      CHECK(error_of(fixture.upload(known ? std::optional<std::uint64_t>(k_size) : std::nullopt)) ==
            "no error");
      CHECK(fixture.arrived());
      CHECK(fixture.registry.happened(Fault::cut_upload) == 2);
      CHECK(fixture.registry.count("POST") == 1);
      // a half, a half of the half, the rest; what was cut off was on its way, but nothing arrived twice
      CHECK(fixture.registry.uploads().bytes == k_size + k_size / 2 + k_size / 4);
      CHECK(fixture.registry.open_uploads() == 0);
    }
  }
}

TEST_CASE("uploads are tried again when that can help") {
  for (const Fault fault : {Fault::too_many, Fault::internal_error, Fault::unavailable, Fault::reset}) {
    for (const char* where : {"POST", "PUT"}) {
      CAPTURE(fault_name(fault), where);
      UploadFixture fixture;
      fixture.registry.order(fault, 2, where);
      CHECK(error_of(fixture.upload()) == "no error");
      CHECK(fixture.arrived());
      CHECK(fixture.registry.happened(fault) == 2);
      CHECK(fixture.time.slept().size() == 2);
      if (fault == Fault::too_many) CHECK(fixture.time.slept()[0] == 1000);
      CHECK(fixture.registry.open_uploads() == 0);
    }
  }
}

TEST_CASE("an upload whose last answer was lost is not sent again") {
  UploadFixture fixture;
  fixture.registry.order(Fault::lost_answer, 1, "PUT");
  CHECK(error_of(fixture.upload()) == "no error");
  CHECK(fixture.arrived());
  CHECK(fixture.registry.uploads().bytes == k_size);
  CHECK(fixture.registry.count("HEAD") == 1);
}

TEST_CASE("a session whose place was lost begins anew") {
  UploadFixture fixture(with_chunks(1));
  fixture.registry.order(Fault::lost_answer, 1, "POST");
  fixture.registry.order(Fault::lost_answer, 1, "PATCH");
  CHECK(error_of(fixture.upload()) == "no error");
  CHECK(fixture.arrived());
  CHECK(fixture.registry.uploads().bytes == k_size);
}

TEST_CASE("an upload that fails for good is cancelled and one clear error") {
  struct Case {
    Fault fault;
    std::string where;
    ErrorKind kind;
    std::string text;
    std::string hint;
  };
  const std::vector<Case> cases = {
      {Fault::refused_commit, "PUT", ErrorKind::invalid, "provided digest did not match", ""},
      {Fault::too_large, "PUT", ErrorKind::limit, "status 413, too large", "make the layer smaller"},
      {Fault::forbidden, "PUT", ErrorKind::denied, "requested access to the resource is denied",
       "ask the owner"},
      {Fault::forbidden, "POST", ErrorKind::denied, "requested access to the resource is denied",
       "ask the owner"},
      {Fault::unavailable, "PUT", ErrorKind::network, "status 503", "try again later"},
      {Fault::reset, "PUT", ErrorKind::network, "the connection was reset", ""},
  };
  for (const Case& one : cases) {
    CAPTURE(fault_name(one.fault), one.where);
    UploadFixture fixture;
    fixture.registry.order(one.fault, 1000, one.where);
    const auto result = fixture.upload();
    REQUIRE_FALSE(result);
    CHECK(result.error().kind() == one.kind);
    CHECK(contains(error_of(result), one.text));
    CHECK(contains(error_of(result), one.hint));
    CHECK(contains(error_of(result), "uploading the blob " + fixture.name.to_string()));
    CHECK(fixture.registry.open_uploads() == 0);
    CHECK_FALSE(fixture.arrived());
    CHECK(fixture.registry.count("PUT") <= 5);
  }
}

TEST_CASE("uploads need the right to push, also when the token ends on the way") {
  UploadFixture fixture(with_tokens());
  fixture.registry.order(Fault::expired_token, 2, "PUT");
  CHECK(contains(error_of(fixture.upload(k_size, ada())), "status 401"));
  CHECK(fixture.registry.open_uploads() == 0);  // cancelling needs another token, and gets it
  fixture.registry.order(Fault::expired_token, 1, "PUT");
  CHECK(error_of(fixture.upload(k_size, ada())) == "no error");
  CHECK(fixture.arrived());
  UploadFixture nobody(with_tokens());
  const auto refused = nobody.upload();
  CHECK(refused.error().kind() == ErrorKind::denied);
  CHECK(contains(error_of(refused), "ecrin login registry.test"));
}

TEST_CASE("a token service that is down is tried as often as any other server, not that often for each try") {
  UploadFixture fixture(with_tokens());
  fixture.registry.order(Fault::unavailable, 1000, "/token");
  const auto result = fixture.upload(k_size, ada());
  CHECK(contains(error_of(result), "status 503"));
  CHECK(fixture.registry.count("/token") == 5);
  // the same when the token that was there ends in mid-upload
  UploadFixture later(with_tokens());
  RegistryClient client = later.client("team/app", ada());
  CHECK(client.has_blob(later.name, nullptr, Access::push));
  later.registry.order(Fault::expired_token, 1, "PUT");
  later.registry.order(Fault::unavailable, 1000, "/token");
  CHECK_FALSE(client.upload_blob(later.name, k_size, later.opener(), nullptr));
  CHECK(later.registry.count("/token") == 1 + 5);
}

TEST_CASE("errors of our own side are not tried again, and cancel the upload") {
  UploadFixture fixture;
  RegistryClient client = fixture.client();
  class Broken final : public Source {
  public:
    Result<std::size_t> read(std::span<std::byte>) override {
      return fail(ErrorKind::network, "the disk is gone");
    }
  };
  int opened = 0;
  const BlobOpener broken = [&](std::uint64_t) -> Result<std::unique_ptr<Source>> {
    ++opened;
    return std::make_unique<Broken>();
  };
  CHECK(contains(error_of(client.upload_blob(fixture.name, k_size, broken, nullptr)), "the disk is gone"));
  CHECK(contains(error_of(client.upload_blob(fixture.name, std::nullopt, broken, nullptr)),
                 "the disk is gone"));
  const BlobOpener missing = [&](std::uint64_t) -> Result<std::unique_ptr<Source>> {
    ++opened;
    return fail(ErrorKind::not_found, "it is not in the store");
  };
  CHECK(contains(error_of(client.upload_blob(fixture.name, k_size, missing, nullptr)), "not in the store"));
  const BlobOpener short_one = [&](std::uint64_t) -> Result<std::unique_ptr<Source>> {
    ++opened;
    return std::make_unique<MemorySource>("short");
  };
  CHECK(contains(error_of(client.upload_blob(fixture.name, k_size, short_one, nullptr)), "shorter than"));
  CHECK(opened == 4);
  CHECK(fixture.registry.open_uploads() == 0);
}

TEST_CASE("an upload that the user stops is cancelled at the registry") {
  UploadFixture fixture;
  RegistryClient client = fixture.client();
  CancelToken cancel;
  const BlobOpener stopped = [&](std::uint64_t) -> Result<std::unique_ptr<Source>> {
    cancel.cancel();
    return fail(ErrorKind::cancelled, "stopped by the user");
  };
  CHECK(client.upload_blob(fixture.name, k_size, stopped, &cancel).error().kind() == ErrorKind::cancelled);
  CHECK(fixture.registry.count("DELETE") == 1);
  CHECK(fixture.registry.open_uploads() == 0);
}

TEST_CASE("a blob is mounted from another repository, or not") {
  ClientFixture fixture(with_tokens());
  const std::string bytes = noise(1000);
  fixture.registry.add_blob("team/base", bytes);
  RegistryClient client = fixture.client("team/app", ada());
  CHECK(must(client.mount_blob(digest(bytes), "team/base", nullptr)) == Presence::present);
  CHECK(fixture.registry.has_blob("team/app", digest(bytes).to_string()));
  CHECK(must(client.mount_blob(digest("none"), "team/base", nullptr)) == Presence::absent);
  CHECK(must(client.mount_blob(digest(bytes), "team/none", nullptr)) == Presence::absent);
  fixture.registry.order(Fault::forbidden, 1, "mount=");
  CHECK(must(client.mount_blob(digest(bytes), "team/base", nullptr)) == Presence::absent);
  CHECK(fixture.registry.open_uploads() == 0);
}

TEST_CASE("an upload address that leaves encryption is refused, one at another host gets no credentials") {
  class Elsewhere final : public HttpTransport {
  public:
    std::string location;
    std::vector<HttpRequest> sent;
    Result<HttpResponse> send(const HttpRequest& request, const CancelToken*) override {
      sent.push_back(request);
      sent.back().body = nullptr;
      if (request.body) (void)read_all(*request.body, 1u << 24);
      HttpResponse response;
      response.body = std::make_unique<MemorySource>("");
      const bool authorized = !HttpResponse{.headers = request.headers}.header("Authorization").empty();
      if (contains(request.url, "registry.test") && !authorized) {
        response.status = 401;
        response.headers = {{"WWW-Authenticate", "Basic realm=x"}};
      } else if (request.method == "POST") {
        response.status = 202;
        response.headers = {{"Location", location}};
      } else {
        response.status = 201;
      }
      return response;
    }
  } server;
  UploadFixture fixture;
  RegistryClient client(server,
                        {.url = "https://registry.test",
                         .registry = "registry.test",
                         .tls = {.certificate = "client.pem", .key = "client.key"}},
                        "team/app",
                        [](const std::string&, const std::string&) { return std::optional(ada()); });
  server.location = "http://registry.test/upload/1";
  const auto plain = client.upload_blob(fixture.name, k_size, fixture.opener(), nullptr);
  CHECK(plain.error().kind() == ErrorKind::denied);
  CHECK(contains(error_of(plain), "from https to http"));
  server.location = "https://storage.test/upload/1?key=k";
  CHECK(client.upload_blob(fixture.name, k_size, fixture.opener(), nullptr));
  CHECK(server.sent.back().url ==
        "https://storage.test/upload/1?key=k&digest=sha256%3A" + fixture.name.hex());
  CHECK(HttpResponse{.headers = server.sent.back().headers}.header("Authorization").empty());
  CHECK(server.sent.back().tls.certificate.empty());
  server.location = "file:///etc/passwd";
  CHECK_FALSE(client.upload_blob(fixture.name, k_size, fixture.opener(), nullptr));
  server.location = "";
  CHECK(contains(error_of(client.upload_blob(fixture.name, k_size, fixture.opener(), nullptr)),
                 "does not say where to upload to"));
}

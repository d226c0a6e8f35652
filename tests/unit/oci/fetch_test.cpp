#include "oci/registry/fetch.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/fake_http.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

struct Fetched {
  Result<> result;
  std::string bytes;
};

Fetched fetch(const std::string& url, const FetchOptions& options = {}, const CancelToken* cancel = nullptr) {
  StringSink sink;
  Result<> result = fetch_url(url, sink, options, cancel);
  return {std::move(result), sink.bytes()};
}

}  // namespace

TEST_CASE("a file is fetched, and the server sees who asks") {
  FakeHttp server;
  const std::string body(500'000, 'b');
  server.on("/file?x=1", FakeHttp::ok(body));
  const Fetched fetched = fetch(server.url("/file?x=1"));
  CHECK(error_of(fetched.result) == "no error");
  CHECK(fetched.bytes == body);
  CHECK(contains(server.requests().at(0), "User-Agent: ecrin/"));
}

TEST_CASE("redirects are followed, also relative ones, and their bodies dropped") {
  FakeHttp server;
  server.on("/a", FakeHttp::redirect("/b"));
  server.on("/b", FakeHttp::redirect(server.url("/c"), 307));
  server.on("/c", FakeHttp::ok("end"));
  const Fetched fetched = fetch(server.url("/a"));
  CHECK(error_of(fetched.result) == "no error");
  CHECK(fetched.bytes == "end");
}

TEST_CASE("ten redirects are followed, more are not") {
  FakeHttp server;
  for (int i = 0; i < 12; ++i)
    server.on(fmt::format("/{}", i), FakeHttp::redirect(fmt::format("/{}", i + 1)));
  server.on("/12", FakeHttp::ok("end"));
  CHECK(fetch(server.url("/2")).bytes == "end");
  const Fetched fetched = fetch(server.url("/1"));
  CHECK(contains(error_of(fetched.result), "more than 10 redirects"));
  CHECK(fetched.bytes.empty());
  server.on("/loop", FakeHttp::redirect("/loop"));
  CHECK(contains(error_of(fetch(server.url("/loop")).result), "more than 10 redirects"));
}

TEST_CASE("only http and https are spoken, also after a redirect") {
  FakeHttp server;
  server.on("/file", FakeHttp::redirect("file:///etc/passwd"));
  server.on("/ftp", FakeHttp::redirect("ftp://127.0.0.1/x"));
  for (const std::string& url :
       {server.url("/file"), server.url("/ftp"), std::string("file:///etc/passwd"),
        std::string("gopher://127.0.0.1/"), std::string("not a url"), std::string()}) {
    CAPTURE(url);
    const Fetched fetched = fetch(url);
    CHECK_FALSE(fetched.result);
    CHECK(fetched.bytes.empty());
  }
}

TEST_CASE("an answer that is no file is an error with its status") {
  FakeHttp server;
  const auto status = [](const std::string& line) {
    return "HTTP/1.1 " + line + "\r\nConnection: close\r\nContent-Length: 4\r\n\r\ntext";
  };
  server.on("/500", status("500 Broken"));
  server.on("/403", status("403 Forbidden"));
  server.on("/206", status("206 Partial"));
  server.on("/304", status("304 Not Modified"));
  const Fetched missing = fetch(server.url("/404"));
  CHECK(missing.result.error().kind() == ErrorKind::not_found);
  CHECK(contains(error_of(missing.result), "status 404"));
  for (const char* code : {"500", "403", "206", "304"}) {
    const Fetched fetched = fetch(server.url("/" + std::string(code)));
    CHECK(contains(error_of(fetched.result), code));
    CHECK(fetched.result.error().kind() == ErrorKind::network);
    CHECK(fetched.bytes.empty());
  }
}

TEST_CASE("a body beyond the limit is refused, announced or not") {
  FakeHttp server;
  server.on("/announced", FakeHttp::ok(std::string(5000, 'x')));
  server.on("/silent", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(100'000, 'x'));
  FetchOptions options;
  options.limit = 4999;
  for (const char* path : {"/announced", "/silent"}) {
    const Fetched fetched = fetch(server.url(path), options);
    REQUIRE_FALSE(fetched.result);
    CHECK(fetched.result.error().kind() == ErrorKind::limit);
    CHECK(fetched.bytes.size() <= 4999);
  }
  options.limit = 5000;
  CHECK(fetch(server.url("/announced"), options).bytes.size() == 5000);
}

TEST_CASE("a transfer that breaks off is an error") {
  FakeHttp server;
  server.on("/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
  server.on("/nothing", std::string());
  server.on("/garbage", std::string("\x01\x02\x03 garbage\r\n\r\n"));
  for (const char* path : {"/cut", "/nothing", "/garbage"}) {
    const Fetched fetched = fetch(server.url(path));
    REQUIRE_FALSE(fetched.result);
    CHECK(fetched.result.error().kind() == ErrorKind::network);
  }
  std::string closed;
  {
    FakeHttp gone;
    closed = gone.url("/");
  }
  CHECK(fetch(closed).result.error().kind() == ErrorKind::network);
}

TEST_CASE("user, password and query of a URL are in no message") {
  FakeHttp server;
  const std::string url = fmt::format("http://ada:secret@127.0.0.1:{}/none?token=secret", server.port());
  const std::string error = error_of(fetch(url).result);
  CHECK(contains(error, fmt::format("'http://127.0.0.1:{}/none'", server.port())));
  CHECK_FALSE(contains(error, "secret"));
  CHECK_FALSE(contains(error, "ada"));
  CHECK_FALSE(contains(error_of(fetch("ftp://ada:secret@h.example/").result), "secret"));
}

TEST_CASE("user and password do not go along to another host") {
  FakeHttp first;
  FakeHttp second;
  first.on("/a", FakeHttp::redirect(second.url("/b")));
  second.on("/b", FakeHttp::ok("end"));
  const Fetched fetched = fetch(fmt::format("http://ada:secret@127.0.0.1:{}/a", first.port()));
  CHECK(fetched.bytes == "end");
  CHECK(contains(first.requests().at(0), "Authorization:"));
  CHECK_FALSE(contains(second.requests().at(0), "Authorization:"));
}

TEST_CASE("a stalled server is given up") {
  FakeHttp server;
  std::atomic<bool> given_up = false;
  server.on("/slow", [&](const std::string&) {
    for (int i = 0; i < 1000 && !given_up; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return FakeHttp::ok("late");
  });
  FetchOptions options;
  options.stall_seconds = 1;
  const Fetched fetched = fetch(server.url("/slow"), options);
  given_up = true;
  REQUIRE_FALSE(fetched.result);
  CHECK(fetched.result.error().kind() == ErrorKind::network);
}

TEST_CASE("the user can stop a transfer, and a full disk ends it") {
  FakeHttp server;
  server.on("/file", FakeHttp::ok("body"));
  CancelToken cancel;
  cancel.cancel();
  CHECK(fetch(server.url("/file"), {}, &cancel).result.error().kind() == ErrorKind::cancelled);

  class FullSink final : public Sink {
  public:
    Result<> write(std::span<const std::byte>) override {
      return fail(ErrorKind::system, "the disk is full");
    }
  };
  FullSink full;
  const Result<> result = fetch_url(server.url("/file"), full, {}, nullptr);
  CHECK(contains(error_of(result), "the disk is full"));
}

#include "oci/registry/http.hpp"

#include <dirent.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "oci/registry/proxy.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_http.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;
using namespace std::chrono_literals;

namespace {

using Connection = FakeHttp::Connection;

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

Result<std::string> text_of(Result<HttpResponse> response) {
  HttpResponse arrived = TRY(std::move(response));
  return read_all(*arrived.body, 64u << 20);
}

// Gives `size` bytes in pieces; waits `nap` before each, and counts what was read.
class SlowSource final : public Source {
public:
  SlowSource(std::size_t size, std::size_t piece, std::chrono::milliseconds nap = 0ms)
      : m_left(size), m_piece(piece), m_nap(nap) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::this_thread::sleep_for(m_nap);
    const std::size_t size = std::min({m_left, m_piece, buffer.size()});
    std::fill_n(buffer.begin(), size, std::byte{'s'});
    m_left -= size;
    read_so_far += size;
    return size;
  }
  std::size_t read_so_far = 0;

private:
  std::size_t m_left;
  std::size_t m_piece;
  std::chrono::milliseconds m_nap;
};

class FailingSource final : public Source {
public:
  Result<std::size_t> read(std::span<std::byte>) override {
    return fail(ErrorKind::not_found, "the blob is gone");
  }
};

std::size_t entries(const std::string& directory) {
  DIR* const opened = opendir(directory.c_str());
  std::size_t count = 0;
  while (readdir(opened)) ++count;
  closedir(opened);
  return count;
}
std::size_t descriptors() {
  return entries("/proc/self/fd");
}
std::size_t threads() {
  return entries("/proc/self/task");
}

template <class Condition>
bool within(std::chrono::milliseconds time, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

}  // namespace

TEST_CASE("http: status, headers and body come as the server sends them") {
  FakeHttp server;
  server.script("/a?b=c", [](Connection& c) {
    c.answer(418, {{"X-One", "1"}, {"x-one", "2"}, {"Empty", ""}, {"Content-Encoding", "gzip"}}, "not gzip");
  });
  const auto transport = make_transport({});
  HttpRequest request = get(server.url("/a?b=c"));
  request.headers = {{"Accept", "text/a"}, {"Accept", "text/b"}, {"X-Empty", ""}};
  HttpResponse response = must(transport->send(request, nullptr));
  CHECK(response.status == 418);
  CHECK(response.header("X-ONE") == "1");
  CHECK(response.header_values("x-one") == std::vector<std::string>{"1", "2"});
  CHECK(response.header("empty").empty());
  CHECK(response.header("none").empty());
  CHECK(must(read_all(*response.body, 100)) == "not gzip");
  std::byte byte;
  CHECK(must(response.body->read(std::span(&byte, 1))) == 0);
  const std::string head = server.requests().at(0);
  CHECK(contains(head, "GET /a?b=c HTTP/1.1\r\n"));
  CHECK(contains(head, "Accept: text/a\r\nAccept: text/b\r\nX-Empty:\r\n"));
  CHECK(contains(head, "User-Agent: ecrin/"));
  CHECK_FALSE(contains(head, "Accept-Encoding"));
}

TEST_CASE("http: HEAD, empty bodies and methods of all sorts") {
  FakeHttp server;
  server.script("*", [](Connection& c) {
    c.read_body();
    c.answer(c.request.method == "DELETE" ? 204 : 200, {}, c.request.method);
  });
  const auto transport = make_transport({});
  for (const char* method : {"HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"}) {
    HttpRequest request = get(server.url("/"));
    request.method = method;
    const bool no_text = request.method == "HEAD" || request.method == "DELETE";
    CHECK(must(text_of(transport->send(request, nullptr))) == (no_text ? "" : method));
    const std::string head = server.requests().back();
    CHECK(head.starts_with(std::string(method) + " / "));
    const bool has_length = request.method[0] == 'P';
    CHECK(contains(head, "Content-Length: 0\r\n") == has_length);
    CHECK_FALSE(contains(head, "Content-Type"));
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("http: bodies are sent with a length or in chunks") {
  FakeHttp server;
  std::string received;
  server.script("/", [&](Connection& c) {
    received = c.read_body();
    c.answer(201, {}, "");
  });
  const auto transport = make_transport({});
  for (const std::size_t size : {0u, 1u, 70'000u, 3'000'000u}) {
    for (const bool chunked : {false, true}) {
      std::string body(size, '\0');
      for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 7 + i / 251);
      MemorySource source(body);
      HttpRequest request = get(server.url("/"));
      request.method = "PUT";
      request.body = &source;
      if (!chunked) request.body_size = size;
      CAPTURE(size, chunked);
      CHECK(must(transport->send(request, nullptr)).status == 201);
      CHECK(received == body);
      CHECK(contains(server.requests().back(), "Transfer-Encoding: chunked") == chunked);
    }
  }
}

TEST_CASE("http: a body of another length than announced is refused, and an error of its source comes out") {
  FakeHttp server;
  server.script("/", [](Connection& c) {
    c.read_body();
    c.answer(201, {}, "");
  });
  const auto transport = make_transport({});
  HttpRequest request = get(server.url("/"));
  request.method = "PUT";
  request.body_size = 10;
  MemorySource less("nine byte");
  request.body = &less;
  CHECK(contains(error_of(transport->send(request, nullptr)), "1 bytes less to send"));
  MemorySource more("eleven byte");
  request.body = &more;
  CHECK(contains(error_of(transport->send(request, nullptr)), "more to send"));
  FailingSource failing;
  request.body = &failing;
  const auto result = transport->send(request, nullptr);
  CHECK(result.error().kind() == ErrorKind::not_found);
  CHECK(contains(error_of(result), "the blob is gone"));
}

TEST_CASE("http: an answer before the body was sent ends the sending") {
  FakeHttp server;
  for (const int status : {401, 413, 307}) {
    server.script("/" + std::to_string(status), [status](Connection& c) {
      c.answer(status, {{"Location", "/there"}}, "early");
      c.gone_within(5s);
      c.close();
    });
  }
  const auto transport = make_transport({});
  const bool chunked = GENERATE(false, true);
  const auto nap = GENERATE(0ms, 20ms);
  for (const int status : {401, 413, 307}) {
    CAPTURE(status, chunked, nap.count());
    SlowSource source(1u << 30, 10'000, nap);
    HttpRequest request = get(server.url("/" + std::to_string(status)));
    request.method = "PUT";
    request.body = &source;
    if (!chunked) request.body_size = 1u << 30;
    HttpResponse response = must(transport->send(request, nullptr));
    CHECK(response.status == status);
    CHECK(response.header("Location") == "/there");
    CHECK(must(read_all(*response.body, 100)) == "early");
    CHECK(source.read_so_far < 64u << 20);
  }
}

TEST_CASE("http: 100 Continue and other interim answers are passed over") {
  FakeHttp server;
  server.script("/", [](Connection& c) {
    c.write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    const std::string body = c.read_body();
    c.answer(200, {{"Size", std::to_string(body.size())}}, "done");
  });
  const auto transport = make_transport({});
  SlowSource source(5'000'000, 100'000);
  HttpRequest request = get(server.url("/"));
  request.method = "PUT";
  request.body = &source;
  request.body_size = 5'000'000;
  HttpResponse response = must(transport->send(request, nullptr));
  CHECK(contains(server.requests().at(0), "Expect: 100-continue"));
  CHECK(response.status == 200);
  CHECK(response.header("Size") == "5000000");
  CHECK(response.header("Link").empty());
}

TEST_CASE("http: a server that does not like to be asked first says so, once") {
  FakeHttp server;
  server.script("/", [](Connection& c) {
    c.answer(417, {}, "no");
    c.gone_within(5s);
    c.close();
  });
  const auto transport = make_transport({});
  SlowSource source(3'000'000, 100'000);
  HttpRequest request = get(server.url("/"));
  request.method = "PUT";
  request.body = &source;
  request.body_size = 3'000'000;
  CHECK(must(transport->send(request, nullptr)).status == 417);
}

TEST_CASE("http: chunked answers are put together, trailers dropped") {
  FakeHttp server;
  server.script("/", [](Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n");
    c.write("X-Trailer: t\r\n\r\n");
  });
  const auto transport = make_transport({});
  CHECK(must(text_of(transport->send(get(server.url("/")), nullptr))) == "hello world");
  CHECK(must(text_of(transport->send(get(server.url("/")), nullptr))) == "hello world");
  CHECK(server.connections() == 1);
}

TEST_CASE("http: answers that are cut or broken are errors of the network") {
  FakeHttp server;
  const auto raw = [&](const std::string& target, const std::string& bytes) { server.on(target, bytes); };
  raw("/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
  raw("/chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
  raw("/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n");
  raw("/head", "HTTP/1.1 200 OK\r\nContent-Le");
  raw("/nothing", "");
  raw("/garbage", "\x15\x03\x01 garbage\r\n\r\n");
  raw("/negative", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello");
  const auto transport = make_transport({});
  for (const char* target : {"/cut", "/chunk", "/bad-chunk", "/head", "/nothing", "/garbage", "/negative"}) {
    CAPTURE(target);
    const auto result = text_of(transport->send(get(server.url(target)), nullptr));
    REQUIRE_FALSE(result);
    CHECK(result.error().kind() == ErrorKind::network);
    CHECK(contains(error_of(result), target));
  }
  // What was there before the cut is given out first, the error is for ever.
  HttpResponse response = must(transport->send(get(server.url("/cut")), nullptr));
  std::byte buffer[100];
  CHECK(must(response.body->read(buffer)) == 9);
  CHECK_FALSE(response.body->read(buffer));
  CHECK_FALSE(response.body->read(buffer));
}

TEST_CASE("http: more bytes than announced do not reach the body") {
  FakeHttp server;
  server.on("/", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more");
  const auto transport = make_transport({});
  CHECK(must(text_of(transport->send(get(server.url("/")), nullptr))) == "hello");
}

TEST_CASE("http: too many headers, too large ones and endless interim answers are refused") {
  FakeHttp server;
  const auto endless = [](const std::string& start, const std::string& piece) {
    return [start, piece](Connection& c) {
      c.write(start);
      for (int i = 0; i < 100'000 && c.write(piece); ++i) continue;
      c.close();
    };
  };
  server.script("/many", endless("HTTP/1.1 200 OK\r\n", "A: b\r\n"));
  server.script("/large", endless("HTTP/1.1 200 OK\r\n", "A: " + std::string(50'000, 'b') + "\r\n"));
  server.script("/line", endless("HTTP/1.1 200 OK\r\nA: ", std::string(50'000, 'b')));
  server.script("/interim", endless("", "HTTP/1.1 100 Continue\r\n\r\n"));
  const auto transport = make_transport({});
  for (const char* target : {"/many", "/large", "/line", "/interim"}) {
    CAPTURE(target);
    const auto result = transport->send(get(server.url(target)), nullptr);
    REQUIRE_FALSE(result);
    CHECK((result.error().kind() == ErrorKind::limit || target == std::string("/line")));
  }
}

TEST_CASE("http: what the caller does not read is not fetched") {
  FakeHttp server;
  std::atomic<std::size_t> sent = 0;
  server.script("/", [&](Connection& c) {
    c.write("HTTP/1.1 200 OK\r\n\r\n");
    const std::string piece(64 * 1024, 'x');
    while (sent < (200u << 20) && c.write(piece)) sent += piece.size();
    c.close();
  });
  const auto transport = make_transport({});
  HttpRequest request = get(server.url("/"));
  request.stall_seconds = 2;
  HttpResponse response = must(transport->send(request, nullptr));
  std::this_thread::sleep_for(2500ms);  // longer than a stall may take: it is ours
  CHECK(sent < 32u << 20);              // buffers of the kernel and ours
  std::vector<std::byte> buffer(1 << 20);
  std::size_t total = 0;
  for (;;) {
    const std::size_t size = must(response.body->read(buffer));
    if (size == 0) break;
    total += size;
  }
  CHECK(total == sent);
}

TEST_CASE("http: a slow source of the body is no stall") {
  FakeHttp server;
  server.script("/", [](Connection& c) { c.answer(200, {}, std::to_string(c.read_body().size())); });
  const auto transport = make_transport({});
  SlowSource source(2, 1, 1000ms);
  HttpRequest request = get(server.url("/"));
  request.method = "PUT";
  request.body = &source;
  request.stall_seconds = 2;
  CHECK(must(text_of(transport->send(request, nullptr))) == "2");
}

TEST_CASE("http: a server that does nothing, drips or does not take the body is given up") {
  FakeHttp server;
  server.script("/silent", [](Connection& c) { c.gone_within(20s); });
  server.script("/drip", [](Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (c.write("x") && c.pause(1500ms)) continue;
  });
  server.script("/deaf", [](Connection& c) { c.gone_within(20s); });
  const auto transport = make_transport({});
  HttpRequest request = get(server.url("/silent"));
  request.stall_seconds = 2;
  const auto silent = transport->send(request, nullptr);
  CHECK(contains(error_of(silent), "less than 512 bytes a second for 2 seconds"));
  CHECK(silent.error().kind() == ErrorKind::network);
  request.url = server.url("/drip");
  request.stall_seconds = 3;
  CHECK(text_of(transport->send(request, nullptr)).error().kind() == ErrorKind::network);
  request.url = server.url("/deaf");
  request.method = "PUT";
  SlowSource source(1u << 30, 100'000);
  request.body = &source;
  request.stall_seconds = 2;
  CHECK(contains(error_of(transport->send(request, nullptr)), "less than 512 bytes a second"));
  CHECK(source.read_so_far < 64u << 20);
}

TEST_CASE("http: a server that is always a little faster than a stall has a bound all the same") {
  FakeHttp server;
  server.script("/", [](Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (c.write(std::string(20, 'x')) && c.pause(100ms)) continue;
  });
  const auto transport = make_transport({});
  HttpRequest request = get(server.url("/"));
  request.stall_seconds = 1;
  CHECK(contains(error_of(text_of(transport->send(request, nullptr))), "less than 512 bytes a second"));
}

TEST_CASE("http: cancelling ends waiting, reading and sending at once") {
  FakeHttp server;
  server.script("/silent", [](Connection& c) { c.gone_within(20s); });
  server.script("/half", [](Connection& c) {
    c.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome");
    c.gone_within(20s);
    c.close();
  });
  const auto transport = make_transport({});
  CancelToken cancel;
  std::thread canceller;
  const auto start = std::chrono::steady_clock::now();
  canceller = std::thread([&] {
    std::this_thread::sleep_for(100ms);
    cancel.cancel();
  });
  SECTION("waiting") {
    CHECK(transport->send(get(server.url("/silent")), &cancel).error().kind() == ErrorKind::cancelled);
  }
  SECTION("reading") {
    CHECK(text_of(transport->send(get(server.url("/half")), &cancel)).error().kind() == ErrorKind::cancelled);
  }
  SECTION("sending") {
    SlowSource source(1u << 30, 100'000);
    HttpRequest request = get(server.url("/silent"));
    request.method = "PUT";
    request.body = &source;
    CHECK(transport->send(request, &cancel).error().kind() == ErrorKind::cancelled);
  }
  canceller.join();
  CHECK(std::chrono::steady_clock::now() - start < 10s);
  CHECK(within(10s, [&] { return server.open_connections() == 0; }));
}

TEST_CASE("http: a dropped response ends the exchange, a short rest keeps the connection") {
  FakeHttp server;
  std::atomic<bool> gone = false;
  server.script("/endless", [&](Connection& c) {
    c.write("HTTP/1.1 200 OK\r\n\r\n");
    while (c.write(std::string(64 * 1024, 'x'))) continue;
    gone = true;
    c.close();
  });
  server.script("/short", [](Connection& c) { c.answer(401, {}, std::string(10'000, 'x')); });
  const auto transport = make_transport({});
  CHECK(must(transport->send(get(server.url("/endless")), nullptr)).status == 200);
  CHECK(within(10s, [&] { return gone.load(); }));
  const int before = server.connections();
  for (int i = 0; i < 5; ++i) {
    CHECK(must(transport->send(get(server.url("/short")), nullptr)).status == 401);
    std::this_thread::sleep_for(50ms);
  }
  CHECK(server.connections() < before + 5);
}

TEST_CASE("http: many exchanges at once from many threads") {
  FakeHttp server;
  std::string body(700'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 + i / 257);
  server.script("/file", [&](Connection& c) { c.answer(200, {}, body); });
  server.script("/echo", [](Connection& c) { c.answer(200, {}, c.read_body()); });
  const auto transport = make_transport({});
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round) {
        HttpRequest request = get(server.url(i % 2 ? "/file" : "/echo"));
        MemorySource source(body);
        if (i % 2 == 0) {
          request.method = "POST";
          request.body = &source;
        }
        const auto text = text_of(transport->send(request, nullptr));
        if (text && *text == body) ++right;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(right == 80);
  CHECK(server.connections() <= 16);
}

TEST_CASE("http: destroying the transport ends what runs, and nothing is left behind") {
  FakeHttp server;
  server.script("/endless", [](Connection& c) {
    c.write("HTTP/1.1 200 OK\r\n\r\n");
    while (c.write(std::string(64 * 1024, 'x'))) continue;
    c.close();
  });
  { (void)make_transport({})->send(get(server.url("/none")), nullptr); }  // what libraries open once
  REQUIRE(within(5s, [&] { return server.open_connections() == 0; }));
  const std::size_t threads_before = threads();
  const std::size_t descriptors_before = descriptors();
  {
    const auto idle = make_transport({});
    CHECK(threads() == threads_before);  // the loop starts with the first request
    CHECK(descriptors() == descriptors_before);
  }
  std::vector<HttpResponse> responses;
  {
    const auto transport = make_transport({});
    for (int i = 0; i < 5; ++i)
      responses.push_back(must(transport->send(get(server.url("/endless")), nullptr)));
    responses.pop_back();  // dropped half-read
  }
  for (HttpResponse& response : responses) {
    const auto rest = read_all(*response.body, 64u << 20);
    REQUIRE_FALSE(rest);
    CHECK(rest.error().kind() == ErrorKind::network);
  }
  responses.clear();
  CHECK(within(5s, [&] { return threads() == threads_before && descriptors() == descriptors_before; }));
}

TEST_CASE("http: the reverse mistake, plain http to a TLS port, is named") {
  FakeHttp server;
  server.script("/go", [](Connection& c) {
    c.write("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    c.close();
  });
  server.script("/nginx", [](Connection& c) {
    c.answer(400, {{"Content-Type", "text/html"}},
             "<title>400 The plain HTTP request was sent to HTTPS port</title>");
  });
  server.script("/other", [](Connection& c) { c.answer(400, {}, "bad name"); });
  const auto transport = make_transport({});
  for (const char* target : {"/go", "/nginx"})
    CHECK(contains(error_of(transport->send(get(server.url(target)), nullptr)), "speaks https there"));
  CHECK(must(text_of(transport->send(get(server.url("/other")), nullptr))) == "bad name");
}

TEST_CASE("http: what cannot be sent is refused before") {
  FakeHttp server;
  const auto transport = make_transport({});
  for (const HttpHeader& header : std::vector<HttpHeader>{
           {"A", "b\r\nC: d"}, {"A\r\nB", "c"}, {"A:", "b"}, {"", "b"}, {"A b", "c"}, {"A;", ""}}) {
    HttpRequest request = get(server.url("/"));
    request.headers = {header};
    CHECK(transport->send(request, nullptr).error().kind() == ErrorKind::invalid);
  }
  for (const char* url : {"file:///etc/passwd", "ftp://h.example/", "", "http://", "http://h\r\n.example/"})
    CHECK_FALSE(transport->send(get(url), nullptr));
  CHECK(server.requests().empty());
}

TEST_CASE("http: requests go through the proxy of the options, never of the environment") {
  FakeHttp proxy;
  proxy.script("*", [](Connection& c) { c.answer(200, {}, "from " + c.request.target); });
  const std::string address = "http://ada:secret@127.0.0.1:" + std::to_string(proxy.port());
  const auto transport = make_transport({.proxies = {{"HTTP_PROXY", address}, {"no_proxy", "b.example"}}});
  CHECK(must(text_of(transport->send(get("http://a.example/x"), nullptr))) == "from http://a.example/x");
  CHECK(contains(proxy.requests().at(0), "Proxy-Authorization: Basic YWRhOnNlY3JldA=="));
  REQUIRE(setenv("http_proxy", address.c_str(), 1) == 0);
  REQUIRE(setenv("https_proxy", address.c_str(), 1) == 0);
  const auto direct = make_transport({});
  HttpRequest request = get("http://a.invalid/x");
  request.connect_seconds = 2;
  CHECK_FALSE(direct->send(request, nullptr));
  request.url = "https://a.invalid/x";
  CHECK_FALSE(direct->send(request, nullptr));
  unsetenv("http_proxy");
  unsetenv("https_proxy");
  CHECK(proxy.requests().size() == 1);
  proxy.script("a.example:443", [](Connection& c) {
    c.answer(407, {}, "");
    c.close();
  });
  const auto tunnel = make_transport({.proxies = {{"all_proxy", address}}});
  const std::string error = error_of(tunnel->send(get("https://a.example/x"), nullptr));
  CHECK(contains(error, "407"));
  CHECK(contains(error, "hint: the proxy comes from the environment"));
  CHECK_FALSE(contains(error, "secret"));
}

TEST_CASE("http: which proxy is chosen") {
  const auto choose = [](const std::string& url, std::map<std::string, std::string> proxies) {
    return must(choose_proxy(must(parse_url(url)), {.proxies = std::move(proxies)}));
  };
  CHECK(choose("http://a.example/", {{"http_proxy", "p:1"}, {"HTTP_PROXY", "q:1"}}).proxy == "p:1");
  CHECK(choose("http://a.example/", {{"http_proxy", ""}, {"HTTP_PROXY", "q:1"}}).proxy == "q:1");
  CHECK(choose("https://a.example/", {{"http_proxy", "p:1"}}).proxy.empty());
  CHECK(choose("https://a.example/", {{"ALL_PROXY", "socks5h://p:1"}}).variable == "ALL_PROXY");
  CHECK(choose("https://a.example/", {{"https_proxy", "p:1"}, {"NO_PROXY", "x"}}).exempt == "x");
  for (const char* url : {"http://127.0.0.1:5000/", "https://localhost/", "http://[::1]/"})
    CHECK(choose(url, {{"all_proxy", "p:1"}}).proxy.empty());
  CHECK(choose("http://127.example/", {{"all_proxy", "p:1"}}).proxy == "p:1");
  for (const char* bad : {"ftp://ada:secret@p:1", "http://ada:secret@p:port", "http://ada:secret@"}) {
    const auto choice =
        choose_proxy(must(parse_url("http://a.example/")), {.proxies = {{"http_proxy", bad}}});
    CHECK(contains(error_of(choice), "http_proxy does not name a proxy"));
    CHECK_FALSE(contains(error_of(choice), "secret"));
  }
}

TEST_CASE("http: URLs in messages are without secrets") {
  CHECK(display_url("https://ada:secret@H.example:5000/v2/a?token=secret#f") ==
        "https://H.example:5000/v2/a");
  CHECK(display_url("ftp://ada:secret@h.example/") == "ftp://h.example/");
  CHECK(display_url("http://ada:secret@h.example:port/") == "(no URL)");
  CHECK(without_credentials("https://ada:secret@h.example/a.git?depth=1#main:sub") ==
        "https://h.example/a.git?depth=1#main:sub");
  CHECK(without_credentials("ssh://git@h.example/a") == "ssh://h.example/a");
  const std::string long_one = "https://h.example/" + std::string(1000, 'x');
  for (const std::string& text : {std::string("git@h.example:a/b.git"), std::string("./dir"), long_one})
    CHECK(without_credentials(text) == text);
  CHECK(without_credentials("http://ada:secret@h.example:port/") == "(no URL)");
}

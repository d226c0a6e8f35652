#include "oci/registry/redirect.hpp"

#include <deque>

#include "oci/registry/url.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

// Answers from a list, and keeps what it was asked.
class ScriptedTransport final : public HttpTransport {
public:
  struct Answer {
    int status;
    std::string location;
  };
  explicit ScriptedTransport(std::deque<Answer> answers) : m_answers(std::move(answers)) {}
  Result<HttpResponse> send(const HttpRequest& request, const CancelToken*) override {
    bodies.push_back(request.body ? TRY(read_all(*request.body, 1000)) : "");
    requests.push_back(request);
    const Answer answer = m_answers.front();
    if (m_answers.size() > 1) m_answers.pop_front();
    HttpResponse response;
    response.status = answer.status;
    if (!answer.location.empty()) response.headers.push_back({"location", answer.location});
    response.body = std::make_unique<MemorySource>("end");
    return response;
  }
  std::vector<HttpRequest> requests;
  std::vector<std::string> bodies;

private:
  std::deque<Answer> m_answers;
};

HttpRequest request_of(const std::string& method, const std::string& url) {
  HttpRequest request;
  request.method = method;
  request.url = url;
  request.headers = {{"Accept", "a"}, {"AUTHORIZATION", "secret"}, {"Cookie", "c"}, {"Content-Type", "t"}};
  request.tls = {.verify = true, .authorities = {"ca"}, .certificate = "cert", .key = "key"};
  return request;
}

bool has(const HttpRequest& request, const std::string& name) {
  return std::ranges::any_of(request.headers, [&](const HttpHeader& h) { return h.name == name; });
}

Result<FollowedResponse> follow(ScriptedTransport& transport, const std::string& method,
                                const std::string& url, const RedirectPolicy& policy = {}) {
  return send_following(transport, request_of(method, url), policy, nullptr);
}

RedirectPolicy with_body(const std::string& text) {
  return {
      .body = [text]() -> Result<std::unique_ptr<Source>> { return std::make_unique<MemorySource>(text); }};
}

}  // namespace

TEST_CASE("redirect: the last URL comes back, relative ones are resolved") {
  ScriptedTransport transport({{302, "../b?x=1#f"}, {301, "//h.example:443/c"}, {200, ""}});
  const FollowedResponse followed = must(follow(transport, "GET", "https://h.example/v2/d/a"));
  CHECK(followed.url == "https://h.example:443/c");
  CHECK(followed.response.status == 200);
  CHECK(transport.requests.at(1).url == "https://h.example/v2/b?x=1");
  CHECK(has(transport.requests.at(2), "AUTHORIZATION"));  // 443 is what https means anyway
}

TEST_CASE("redirect: credentials stay with scheme, host and port, and do not come back") {
  for (const char* other : {"http://h.example:81/b", "http://i.example/b", "https://h.example/b",
                            "http://h.example.:80/b", "http://ada:pw@i.example/"}) {
    CAPTURE(other);
    ScriptedTransport transport({{307, other}, {307, "http://h.example/c"}, {200, ""}});
    const auto result = follow(transport, "GET", "http://h.example/a");
    CHECK(has(transport.requests.at(0), "AUTHORIZATION"));
    CHECK(transport.requests.at(0).tls.certificate == "cert");
    for (std::size_t i = 1; i < transport.requests.size(); ++i) {
      CHECK_FALSE(has(transport.requests[i], "AUTHORIZATION"));
      CHECK_FALSE(has(transport.requests[i], "Cookie"));
      CHECK(has(transport.requests[i], "Accept"));
      CHECK(transport.requests[i].tls.certificate.empty());
      CHECK(transport.requests[i].tls.authorities == std::vector<std::string>{"ca"});
    }
  }
  ScriptedTransport transport({{307, "http://H.EXAMPLE:80/b"}, {200, ""}});
  must(follow(transport, "GET", "http://h.example/a"));
  CHECK(has(transport.requests.at(1), "AUTHORIZATION"));
}

TEST_CASE("redirect: another server has its own TLS settings") {
  ScriptedTransport transport({{307, "https://i.example/b"}, {200, ""}});
  RedirectPolicy policy;
  policy.tls = [](const std::string& url) { return TlsSettings{.authorities = {"of " + url}}; };
  must(follow(transport, "GET", "https://h.example/a", policy));
  CHECK(transport.requests.at(1).tls.authorities.at(0) == "of https://i.example/b");
}

TEST_CASE("redirect: never from https to http, never to another protocol") {
  for (const char* target : {"http://h.example/b", "file:///etc/passwd", "ftp://h.example/", "http://"}) {
    ScriptedTransport transport({{302, target}, {200, ""}});
    CHECK_FALSE(follow(transport, "GET", "https://h.example/a"));
    CHECK(transport.requests.size() == 1);
  }
}

TEST_CASE("redirect: methods and bodies") {
  struct Case {
    int status;
    std::string method;
    std::string then;
  };
  for (const Case& c : std::vector<Case>{{301, "POST", "GET"},
                                         {302, "POST", "GET"},
                                         {303, "POST", "GET"},
                                         {303, "PUT", "GET"},
                                         {303, "HEAD", "HEAD"},
                                         {301, "HEAD", "HEAD"},
                                         {302, "PUT", "PUT"},
                                         {307, "POST", "POST"},
                                         {308, "PATCH", "PATCH"}}) {
    CAPTURE(c.status, c.method);
    ScriptedTransport transport({{c.status, "/b"}, {200, ""}});
    const bool body = c.method[0] == 'P';
    must(follow(transport, c.method, "http://h.example/a", body ? with_body("text") : RedirectPolicy{}));
    CHECK(transport.requests.at(1).method == c.then);
    CHECK(transport.bodies.at(0) == (body ? "text" : ""));
    CHECK(transport.bodies.at(1) == (c.then[0] == 'P' ? "text" : ""));
    CHECK(has(transport.requests.at(1), "Content-Type") == (c.then == c.method));
  }
}

TEST_CASE("redirect: a body that cannot be made again is an error") {
  ScriptedTransport transport({{307, "/b"}, {200, ""}});
  HttpRequest request = request_of("PUT", "http://h.example/a");
  MemorySource source("once");
  request.body = &source;
  CHECK(send_following(transport, request, {}, nullptr).error().kind() == ErrorKind::unsupported);
}

TEST_CASE("redirect: loops end") {
  ScriptedTransport transport({{302, "/a"}});
  CHECK(contains(error_of(follow(transport, "GET", "http://h.example/a")), "more than 10 redirects"));
  CHECK(transport.requests.size() == 11);
}

TEST_CASE("redirect: what names no place is returned") {
  for (const int status : {200, 201, 300, 304, 302, 401, 500}) {
    ScriptedTransport transport({{status, status == 302 ? "" : "/elsewhere"}});
    CHECK(must(follow(transport, "GET", "http://h.example/a")).response.status == status);
  }
}

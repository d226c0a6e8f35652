#include "oci/registry/http.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/fake_http.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

struct Setting {
  TemporaryDirectory directory;
  TestAuthority authority{directory.path()};
  CertificateFiles server = authority.sign("server", "IP:127.0.0.1,DNS:localhost");
};

Result<std::string> ask(const std::string& url, const TlsSettings& tls, HttpTransport* transport = nullptr) {
  HttpRequest request;
  request.url = url;
  request.tls = tls;
  request.stall_seconds = 10;
  const auto own = make_transport({});
  HttpResponse response = TRY((transport ? transport : own.get())->send(request, nullptr));
  return read_all(*response.body, 1000);
}

void greet(FakeHttp& server) {
  server.script("/", [](FakeHttp::Connection& c) { c.answer(200, {}, "hello"); });
}

}  // namespace

TEST_CASE("http: certificates are checked unless told otherwise") {
  const Setting setting;
  FakeHttp server(FakeTls{setting.server.certificate, setting.server.key, ""});
  greet(server);
  const auto unknown = ask(server.url("/"), {});
  CHECK(unknown.error().kind() == ErrorKind::denied);
  CHECK(contains(error_of(unknown), "cannot trust 'https://127.0.0.1"));
  CHECK(contains(error_of(unknown), "--tls-verify=false"));
  CHECK(contains(error_of(unknown), "--cert-dir"));
  CHECK(must(ask(server.url("/"), {.verify = false})) == "hello");
  CHECK(must(ask(server.url("/"), {.authorities = {setting.authority.certificate()}})) == "hello");
}

TEST_CASE("http: a certificate for another name is refused") {
  const Setting setting;
  const CertificateFiles other = setting.authority.sign("other", "DNS:other.example");
  FakeHttp server(FakeTls{other.certificate, other.key, ""});
  greet(server);
  CHECK(contains(error_of(ask(server.url("/"), {.authorities = {setting.authority.certificate()}})),
                 "cannot trust"));
}

TEST_CASE("http: a connection is not shared between different settings") {
  const Setting setting;
  FakeHttp server(FakeTls{setting.server.certificate, setting.server.key, ""});
  greet(server);
  const auto transport = make_transport({});
  const TlsSettings trusting{.verify = true, .authorities = {setting.authority.certificate()}};
  CHECK(must(ask(server.url("/"), {.verify = false}, transport.get())) == "hello");
  CHECK_FALSE(ask(server.url("/"), {}, transport.get()));
  CHECK(must(ask(server.url("/"), trusting, transport.get())) == "hello");
  const int before = server.connections();
  CHECK(must(ask(server.url("/"), trusting, transport.get())) == "hello");
  CHECK(server.connections() == before);
}

TEST_CASE("http: the client shows its certificate") {
  const Setting setting;
  const CertificateFiles client = setting.authority.sign("client", "DNS:client.example");
  FakeHttp server(FakeTls{setting.server.certificate, setting.server.key, setting.authority.certificate()});
  greet(server);
  TlsSettings tls{.authorities = {setting.authority.certificate()}};
  const std::string error = error_of(ask(server.url("/"), tls));
  CHECK(contains(error, "hint: the server wants a client certificate"));
  tls.certificate = client.certificate;
  tls.key = client.key;
  CHECK(must(ask(server.url("/"), tls)) == "hello");
  tls.key = setting.server.key;
  CHECK_FALSE(ask(server.url("/"), tls));
}

TEST_CASE("http: files that hold no certificate are named") {
  const Setting setting;
  const std::string url = "https://127.0.0.1:1/";
  const std::string empty = setting.directory / "empty.crt";
  write_file(empty, "nothing\n");
  CHECK(contains(error_of(ask(url, {.authorities = {empty}})), "holds no certificate in PEM form"));
  CHECK(contains(error_of(ask(url, {.authorities = {setting.directory / "none.crt"}})), "none.crt"));
}

TEST_CASE("http: a plain server asked for https is named, and a TLS server asked for http is an error") {
  FakeHttp plain;
  std::string url = plain.url("/");
  url.replace(0, 4, "https");
  const std::string error = error_of(ask(url, {}));
  CHECK(contains(error, "speaks plain http there, not https"));
  CHECK(contains(error, "insecure = true"));
  const Setting setting;
  FakeHttp tls(FakeTls{setting.server.certificate, setting.server.key, ""});
  url = tls.url("/");
  url.replace(0, 5, "http");
  CHECK(ask(url, {}).error().kind() == ErrorKind::network);
}

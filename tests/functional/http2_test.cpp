// HTTP/2 where a registry offers it: many requests at once on few connections.
#include <set>

#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/http2_proxy.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

constexpr int k_layers = 12;

std::string build_layers(const Ecrin& ecrin, const std::string& name) {
  std::string recipe = "from: scratch\nsteps:\n";
  for (int i = 1; i <= k_layers; ++i) {
    const std::string file = "file-" + std::to_string(i);
    ecrin.context(file, std::string(200'000, static_cast<char>('a' + i)));
    recipe += "  - copy: {src: " + file + ", dest: /" + file + "}\n";
  }
  return ecrin.build(recipe, {"-t", name});
}

struct Served {
  std::size_t requests = 0;
  std::set<std::string> connections;
  std::set<std::string> protocols;
};

Served summary(const std::vector<Http2Proxy::Request>& requests) {
  Served served;
  for (const Http2Proxy::Request& one : requests) {
    CHECK(one.status < 500);
    ++served.requests;
    served.connections.insert(one.connection);
    served.protocols.insert(one.protocol);
  }
  return served;
}

}  // namespace

TEST_CASE("push and pull speak HTTP/2 where it is offered, many requests on few connections",
          "[any-driver]") {
  if (!Http2Proxy::installed()) ECRIN_SKIP("nginx is not installed");
  MemoryRegistry registry;
  const RegistryServer server(registry);
  Ecrin maker(Ecrin::Base::none);
  make_directory(maker.scratch() / "certificates");
  make_directory(maker.scratch() / "trusted");
  const TestAuthority authority(maker.scratch() / "certificates");
  const CertificateFiles certificate = authority.sign("server", "IP:127.0.0.1");
  write_file(maker.scratch() / "trusted/ca.crt", read_file(authority.certificate()));
  const Arguments trust = {"-q", "--cert-dir", maker.scratch() / "trusted"};
  const auto words = [&](const std::string& verb, const Arguments& operands) {
    Arguments all = {verb};
    all.insert(all.end(), trust.begin(), trust.end());
    all.insert(all.end(), operands.begin(), operands.end());
    return all;
  };
  const auto proxy = [&](const std::string& name) {
    make_directory(maker.scratch() / name);
    return Http2Proxy(maker.scratch() / name, server.host().substr(server.host().find("127")), certificate);
  };
  const std::string id = build_layers(maker, "layers");

  Http2Proxy pushed_through = proxy("push");
  const std::string digest = maker.must(words("push", {"layers", pushed_through.host() + "/team/layers:1"}));
  const Served pushed = summary(pushed_through.stop());
  CHECK(pushed.protocols == std::set<std::string>{"HTTP/2.0"});
  CHECK(pushed.requests > 3 * k_layers);  // is it there, begin, send
  CHECK(pushed.connections.size() <= 2);

  Http2Proxy pulled_through = proxy("pull");
  Ecrin other(Ecrin::Base::none);
  const std::string name = pulled_through.host() + "/team/layers:1";
  CHECK(full_id(other.must(words("pull", {name}))) == full_id(id));
  CHECK(other.inspect(name).at("Digest") == digest);
  const Served pulled = summary(pulled_through.stop());
  CHECK(pulled.protocols == std::set<std::string>{"HTTP/2.0"});
  CHECK(pulled.requests > k_layers);
  CHECK(pulled.connections.size() <= 2);
}

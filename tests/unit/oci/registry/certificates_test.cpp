#include "oci/registry/certificates.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "base/atomic_file.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {

struct Places {
  test::TempDirectory directory;
  CertificatePlaces places{.chosen = "", .directories = {directory.path("user"), directory.path("system")}};

  std::string write(const std::string& name) const {
    const std::string path = directory.path(name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    REQUIRE(write_file_atomically(path, "pem"));
    return path;
  }
};

}  // namespace

TEST_CASE("certificates: where they are") {
  CHECK(certificate_places("", "/home/u/.config").directories ==
        std::vector<std::string>{"/home/u/.config/containers/certs.d", "/etc/containers/certs.d",
                                 "/etc/docker/certs.d"});
  CHECK(certificate_places("", "").directories.size() == 2);
}

TEST_CASE("certificates: the first directory of a host counts, whole") {
  Places at;
  CHECK(find_certificates(at.places, "host.example:5000").value() == TlsSettings{});
  const std::string authority = at.write("system/host.example:5000/b.crt");
  const std::string other = at.write("system/host.example:5000/a.crt");
  at.write("system/host.example:5000/notes.txt");
  at.write("system/host.example/wrong.crt");
  TlsSettings tls = find_certificates(at.places, "host.example:5000").value();
  CHECK(tls.authorities == std::vector<std::string>{other, authority});
  CHECK(tls.certificate == "");
  CHECK(tls.verify);

  const std::string certificate = at.write("user/host.example:5000/client.cert");
  const std::string key = at.write("user/host.example:5000/client.key");
  tls = find_certificates(at.places, "host.example:5000").value();
  CHECK(tls.authorities.empty());
  CHECK(tls.certificate == certificate);
  CHECK(tls.key == key);

  at.places.chosen = at.directory.path("system/host.example");
  CHECK(find_certificates(at.places, "anything.example").value().authorities.size() == 1);
  at.places.chosen = at.directory.path("missing");
  CHECK(
      find_certificates(at.places, "host.example:5000").error().message().contains("there is no directory"));
}

TEST_CASE("certificates: halves of pairs, and what is no file") {
  const Places at;
  at.write("user/a.example/client.cert");
  CHECK(find_certificates(at.places, "a.example").error().message().contains("has no key"));
  at.write("user/b.example/client.key");
  CHECK(find_certificates(at.places, "b.example").error().message().contains("has no certificate"));
  std::filesystem::create_directories(at.directory.path("user/c.example"));
  std::filesystem::create_symlink("nowhere", at.directory.path("user/c.example/gone.crt"));
  CHECK(find_certificates(at.places, "c.example").value().authorities.empty());
  REQUIRE(::mkfifo(at.directory.path("user/c.example/pipe.crt").c_str(), 0600) == 0);
  CHECK(find_certificates(at.places, "c.example").error().message().contains("is not a regular file"));
  at.write("user/d.example");
  at.write("system/d.example/ca.crt");
  CHECK(find_certificates(at.places, "d.example").value().authorities.size() == 1);
}

TEST_CASE("certificates: a host cannot be a path") {
  const Places at;
  at.write("secret.crt");
  const std::vector<std::string> hosts = {"..",  "../..", ".",   "",
                                          "a/b", "/etc",  "a\n", std::string("a\0b", 3)};
  for (const std::string& host : hosts) {
    CAPTURE(host);
    CHECK_FALSE(find_certificates(at.places, host));
  }
}

#include "build/bootstrap_packages.hpp"

#include <algorithm>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

constexpr const char* k_messages =
    "I: running apt-get update...\n"
    "Inst libc6 (2.36-9 Debian:12.1/stable [amd64]) []\n"
    "Inst gcc-12-base (12.2.0-14 Debian:12.1/stable [amd64])\n"
    "Conf libc6 (2.36-9 Debian:12.1/stable [amd64])\n"
    "I: simulate installing remaining packages inside the chroot...\n"
    "Inst libc6 (2.36-9 Debian:12.1/stable [amd64]) [gcc-12-base:amd64 ]\n"
    "Inst tzdata [1] (2024a Debian:12.1/stable, Debian-Security:12/stable-security [all])\n"
    "Inst broken\n"
    "Inst (\n";

constexpr const char* k_status =
    "Package: tzdata\n"
    "Status: install ok installed\n"
    "Maintainer: Somebody <somebody@example.org>\n"
    "Architecture: all\n"
    "Version: 2024a\n"
    "Conffiles:\n"
    " /etc/x 0123 obsolete\n"
    "Description: time zones\n"
    " Version: of nothing\n"
    "\n"
    "Package: gcc-12-base\n"
    "Status: install ok installed\n"
    "Architecture: amd64\n"
    "Version: 12.2.0-14\n"
    "\n"
    "Package: libc6\n"
    "Status: install ok installed\n"
    "Architecture: amd64\n"
    "Version: 2.36-9\n";

const KeyInputs k_packages = {{"package gcc-12-base:amd64", "12.2.0-14"},
                              {"package libc6:amd64", "2.36-9"},
                              {"package tzdata:all", "2024a"}};

KeyInputs step(const std::string& suite, const std::string& snapshot, const std::string& sources) {
  return {{"kind", "from bootstrap"},  {"suite", suite}, {"snapshot", snapshot},
          {"platform", "linux/amd64"}, {"epoch", "0"},   {"parent", ""},
          {"sources", sources}};
}

}  // namespace

TEST_CASE("what apt would install and what dpkg has installed are one list") {
  CHECK(simulated_packages(k_messages) == k_packages);
  CHECK(installed_packages(k_status) == k_packages);
  CHECK(std::ranges::all_of(k_packages, is_package));
  CHECK_FALSE(is_package({"sources", "package"}));
}

TEST_CASE("a list that is not understood is none") {
  CHECK(simulated_packages("").empty());
  CHECK(simulated_packages("E: no network\n").empty());
  const std::string good = k_status;
  for (const std::string& bad :
       {std::string(), std::string("\n\n"),
        good + "\nPackage: half\nStatus: install ok half-configured\n"
               "Architecture: all\nVersion: 1\n",
        good + "\nPackage: no-version\nStatus: install ok installed\nArchitecture: all\n",
        good + "no colon\n"}) {
    INFO(bad);
    CHECK_FALSE(installed_packages(bad));
  }
}

TEST_CASE("the same packages are the same system, wherever they come from") {
  const std::string family = bootstrap_family(step("bookworm", "", "deb http://a bookworm main\n"));
  CHECK(bootstrap_family(step("bookworm", "", "deb http://b/ bookworm main\n")) == family);
  CHECK(bootstrap_family(step("trixie", "", "")) != family);
  KeyInputs other_epoch = step("bookworm", "", "");
  other_epoch.replace("epoch", "1");
  CHECK(bootstrap_family(other_epoch) != family);
  // A snapshot's setting stays in the system, its time does not.
  const std::string of_snapshot = bootstrap_family(step("bookworm", "20240101T000000Z", ""));
  CHECK(of_snapshot != family);
  CHECK(bootstrap_family(step("bookworm", "20250101T000000Z", "")) == of_snapshot);

  const std::string key = bootstrap_key(family, k_packages);
  CHECK(key.starts_with(family + " "));
  KeyInputs newer = k_packages;
  newer.replace((*std::next(newer.begin())).name, "2.36-10");
  CHECK(bootstrap_key(family, newer) != key);
  newer = {*k_packages.begin()};
  CHECK(bootstrap_key(family, newer) != key);
  CHECK(bootstrap_key(of_snapshot, k_packages) != key);
  CHECK(key != key_digest(k_packages));
}

#include "run/capabilities.hpp"

#include <linux/capability.h>

#include "oci/runtime_config.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

TEST_CASE("capabilities are numbered as the kernel does") {
  CHECK(capability_name(CAP_CHOWN) == "CAP_CHOWN");
  CHECK(capability_name(CAP_NET_ADMIN) == "CAP_NET_ADMIN");
  CHECK(capability_name(CAP_SYS_ADMIN) == "CAP_SYS_ADMIN");
  CHECK(capability_name(CAP_SETFCAP) == "CAP_SETFCAP");
  CHECK(capability_name(CAP_CHECKPOINT_RESTORE) == "CAP_CHECKPOINT_RESTORE");
  CHECK(capability_name(CAP_LAST_CAP + 1).empty());
}

TEST_CASE("capability names are read with and without prefix, in any case") {
  const std::vector<std::string> names = {"CAP_CHOWN", "kill", "Cap_Sys_Chroot"};
  const auto set = parse_capabilities(names);
  REQUIRE(set);
  CHECK(*set == (capability_bit(CAP_CHOWN) | capability_bit(CAP_KILL) | capability_bit(CAP_SYS_CHROOT)));
  CHECK(capability_names(*set) == std::vector<std::string>{"CAP_CHOWN", "CAP_KILL", "CAP_SYS_CHROOT"});
}

TEST_CASE("ALL is every capability") {
  const std::vector<std::string> all = {"all"};
  CHECK(capability_names(parse_capabilities(all).value()).size() == CAP_LAST_CAP + 1);
}

TEST_CASE("the default capabilities keep their names") {
  const auto set = parse_capabilities(oci::default_capabilities());
  REQUIRE(set);
  CHECK(capability_names(*set).size() == oci::default_capabilities().size());
  CHECK_FALSE(*set & capability_bit(CAP_SYS_ADMIN));
  CHECK_FALSE(*set & capability_bit(CAP_NET_RAW));
}

TEST_CASE("an unknown capability is refused and the nearest one named") {
  const std::vector<std::string> names = {"CAP_CHWON"};
  const auto set = parse_capabilities(names);
  REQUIRE_FALSE(set);
  CHECK(set.error().kind() == ErrorKind::invalid);
  CHECK(set.error().message() == "unknown capability 'CAP_CHWON' (did you mean 'CAP_CHOWN'?)");
}

TEST_CASE("a thread's sets are read whole") {
  const auto sets = get_capabilities();
  REQUIRE(sets);
  CHECK((sets->effective & ~sets->permitted) == 0);
  // Setting what is set already is always allowed, and changes nothing.
  REQUIRE(set_capabilities(*sets));
  const auto again = get_capabilities();
  REQUIRE(again);
  CHECK(again->permitted == sets->permitted);
  CHECK(again->effective == sets->effective);
}

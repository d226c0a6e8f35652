#include "cli/containers/network_words.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::cli;

namespace {

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a network more among the words of a request") {
  CHECK(with_network({"--network=a", "--env=X=--ip=1", "image", "--ip=2"}, "b:ip=10.0.0.2") ==
        Words{"--network=a", "--env=X=--ip=1", "--network=b:ip=10.0.0.2", "image", "--ip=2"});
  CHECK(with_network(
            {"--ip=10.0.0.3", "--network=a:alias=x", "--network-alias=y", "--mac-address=0:1", "image"},
            "b") == Words{"--network=a:alias=x,ip=10.0.0.3,alias=y,mac=0:1", "--network=b", "image"});
}

TEST_CASE("a network less among the words of a request") {
  const Words words = {"--network=a", "--rm=true", "--network=b:ip=1", "--network=c", "image"};
  CHECK(without_network(words, 0) == Words{"--rm=true", "--network=b:ip=1", "--network=c", "image"});
  CHECK(without_network(words, 1) == Words{"--network=a", "--rm=true", "--network=c", "image"});
  CHECK(without_network(words, 2) == Words{"--network=a", "--rm=true", "--network=b:ip=1", "image"});
  CHECK(without_network({"--network-alias=x", "--network=a", "--network=b", "image"}, 0) ==
        Words{"--network=b:alias=x", "image"});
}

#include "cli/import_changes.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

TEST_CASE("changes set the configuration, with = or a blank") {
  oci::ImageConfig config;
  for (const char* change :
       {"CMD=[\"/bin/sh\"]", "ENTRYPOINT /start now", "ENV=A=1", "env A=2", "LABEL x=\"y z\"", "EXPOSE 80",
        "EXPOSE 53/udp", "VOLUME /v", "USER=me:us", "WORKDIR /w", "STOPSIGNAL SIGINT"}) {
    INFO(change);
    REQUIRE(apply_change(config, change));
  }
  CHECK(config.cmd == std::vector<std::string>{"/bin/sh"});
  CHECK(config.entrypoint == std::vector<std::string>{"/bin/sh", "-c", "/start now"});
  CHECK(config.env == std::vector<std::string>{"A=2"});
  CHECK(config.labels == std::map<std::string, std::string>{{"x", "y z"}});
  CHECK(config.exposed_ports == std::vector<std::string>{"53/udp", "80/tcp"});
  CHECK(config.volumes == std::vector<std::string>{"/v"});
  CHECK(config.user == "me:us");
  CHECK(config.working_dir == "/w");
  CHECK(config.stop_signal == "SIGINT");
}

TEST_CASE("changes that are wrong say so") {
  oci::ImageConfig config;
  CHECK(apply_change(config, "ENTRYPONT=x").error().hint_text() == "did you mean 'entrypoint'?");
  CHECK_FALSE(apply_change(config, "CMD"));
  CHECK_FALSE(apply_change(config, "CMD=[\"a\", 1]"));
  CHECK_FALSE(apply_change(config, "ENV=A"));
  CHECK_FALSE(apply_change(config, "WORKDIR=here"));
}

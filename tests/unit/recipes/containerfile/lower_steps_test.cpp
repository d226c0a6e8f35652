#include "recipes/containerfile/lower_parts.hpp"
#include "tests/unit/recipes/containerfile/lowered.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
using namespace ecrin::recipes::containerfile;

namespace {

std::string ports(std::string_view text) {
  ExpansionBudget budget;
  const auto result = parse_ports(text, budget);
  std::string joined;
  if (result) {
    for (const std::string& port : *result) joined += port + " ";
  }
  return joined;
}

}  // namespace

TEST_CASE("values of one ENV do not see each other") {
  CHECK(last_step<EnvStep>("ENV a=1\nENV a=2 b=$a").variables == Pairs{{"a", "2"}, {"b", "1"}});
  CHECK(last_step<EnvStep>("ENV a 'b'  c").variables == Pairs{{"a", "b  c"}});
  CHECK(last_step<EnvStep>("ENV N=x\nENV $N=y").variables == Pairs{{"x", "y"}});
  CHECK(step_refusal("ENV $NONE=y") == "a variable needs a name");
}

TEST_CASE("shell forms run the shell in force") {
  CHECK(last_step<CmdStep>("CMD echo $X").arguments == Texts{"/bin/sh", "-c", "echo $X"});
  CHECK(last_step<CmdStep>(R"(CMD ["echo", "$X"])").arguments == Texts{"echo", "$X"});
  CHECK(last_step<CmdStep>("CMD []").arguments.empty());
  CHECK(last_step<EntrypointStep>("SHELL [\"/bin/bash\", \"-c\"]\nENTRYPOINT x").arguments ==
        Texts{"/bin/bash", "-c", "x"});
  Request request;
  request.images["base"].shell = {"/sh", "-x"};
  CHECK(last_step<CmdStep>("CMD y", request).arguments == Texts{"/sh", "-x", "y"});
  const Lowered inherited = lowered("FROM base AS a\nSHELL [\"/s\"]\nFROM a\nCMD z");
  CHECK(steps<CmdStep>(inherited)[0].arguments == Texts{"/s", "z"});
}

TEST_CASE("an entrypoint drops the command of what the stage began with, not its own") {
  CHECK(last_step<EntrypointStep>("ENTRYPOINT [\"x\"]").drops_cmd);
  CHECK_FALSE(last_step<EntrypointStep>("CMD [\"y\"]\nENTRYPOINT [\"x\"]").drops_cmd);
  const Lowered child = lowered("FROM base AS a\nCMD [\"y\"]\nFROM a\nENTRYPOINT [\"x\"]");
  CHECK(steps<EntrypointStep>(child)[0].drops_cmd);
}

TEST_CASE("ports are normalised and ranges spelt out") {
  CHECK(ports("80") == "80/tcp ");
  CHECK(ports("53/UDP") == "53/udp ");
  CHECK(ports("8000-8002/sctp") == "8000/sctp 8001/sctp 8002/sctp ");
  CHECK(ports("127.0.0.1:8080:80") == "80/tcp ");
  CHECK(ports("[::1]:8080:80/udp") == "80/udp ");
  CHECK(ports("8080:80") == "80/tcp ");
  for (const char* wrong :
       {"", "x", "80/icmp", "70000", "9-8", "-1", "80-", "/tcp", "localhost:80:80", "x:80"})
    CHECK(ports(wrong).empty());
  CHECK(last_step<ExposeStep>("ARG P=\"80 443/tcp\"\nEXPOSE $P 53/udp").ports ==
        Texts{"80/tcp", "443/tcp", "53/udp"});
  CHECK(step_refusal("EXPOSE http") == "'http' is not a port");
}

TEST_CASE("health checks") {
  const oci::Healthcheck check =
      last_step<HealthcheckStep>("HEALTHCHECK --interval=1m30s --timeout=500ms --retries=5 CMD curl x")
          .healthcheck;
  CHECK(check.test == Texts{"CMD-SHELL", "curl x"});
  CHECK(check.interval == 90'000'000'000);
  CHECK(check.timeout == 500'000'000);
  CHECK(check.retries == 5);
  CHECK(last_step<HealthcheckStep>("HEALTHCHECK CMD [\"a\", \"b\"]").healthcheck.test ==
        Texts{"CMD", "a", "b"});
  CHECK(last_step<HealthcheckStep>("HEALTHCHECK NONE").healthcheck.test == Texts{"NONE"});
  CHECK(step_refusal("HEALTHCHECK --interval=5 CMD x") == "'5' is not a duration");
}

TEST_CASE("durations are Go's") {
  CHECK(parse_go_duration("1h2m3s").value() == 3'723'000'000'000);
  CHECK(parse_go_duration("1.5s").value() == 1'500'000'000);
  CHECK(parse_go_duration("0").value() == 0);
  CHECK(parse_go_duration("0s").value() == 0);
  for (const char* wrong : {"", "1", "s", "1x", "-1s", "1..s", "100us", "99999999999h"})
    CHECK_FALSE(parse_go_duration(wrong));
}

TEST_CASE("signals are known ones") {
  for (const char* right : {"SIGTERM", "term", "9", "RTMIN+3", "SIGRTMAX-1"}) CHECK(check_signal(right));
  for (const char* wrong : {"", "0", "65", "SIGNAL", "RTMIN-1", "TERM+1"}) CHECK_FALSE(check_signal(wrong));
  CHECK(last_step<StopSignalStep>("ARG S=SIGINT\nSTOPSIGNAL $S").signal == "SIGINT");
  CHECK(step_refusal("STOPSIGNAL SIGTREM") == "no signal 'SIGTREM' (did you mean 'SIGTERM'?)");
}

TEST_CASE("USER, WORKDIR, VOLUME and LABEL take variables, MAINTAINER and ONBUILD none") {
  CHECK(last_step<UserStep>("ENV U=me\nUSER $U:10").user == "me:10");
  CHECK(step_refusal("USER $NONE") == "USER without a user");
  CHECK(last_step<WorkdirStep>("ENV D=/d\nWORKDIR $D/e").path == "/d/e");
  CHECK(last_step<WorkdirStep>("WORKDIR $NONE").path == ".");
  CHECK(last_step<VolumeStep>("ENV D=/d\nVOLUME $D /e").paths == Texts{"/d", "/e"});
  CHECK(last_step<VolumeStep>("VOLUME [\"/a b\"]").paths == Texts{"/a b"});
  CHECK(step_refusal("VOLUME $NONE") == "VOLUME without a path");
  CHECK(last_step<LabelStep>("ENV N=n\nLABEL $N=\"a b\" c='$N'").labels == Pairs{{"n", "a b"}, {"c", "$N"}});
  CHECK(last_step<AuthorStep>("MAINTAINER A <$B>").author == "A <$B>");
  CHECK(last_step<OnBuildStep>("ONBUILD RUN $X").trigger == "RUN $X");
}

TEST_CASE("steps say what they are and where") {
  const Lowered result = lowered("FROM base\n\nRUN a \\\n  b\nEXPOSE 80");
  const std::vector<Step>& all = result.recipe.stages[0].steps;
  REQUIRE(all.size() == 3);
  CHECK(all[0].location.line == 0);
  CHECK(all[1].location.line == 3);
  CHECK(all[1].text == "RUN a   b");
  CHECK(all[2].location.line == 5);
  CHECK(all[2].text == "EXPOSE 80/tcp");
}

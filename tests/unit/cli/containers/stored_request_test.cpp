#include "cli/containers/stored_request.hpp"

#include "cli/commands/commands.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "FROM_OUTSIDE") return "seen";
  return std::nullopt;
}

StoredRequest there_and_back(const std::vector<std::string>& words) {
  const auto arguments = parse_arguments(run_verb(), words);
  REQUIRE(arguments);
  const auto request = container_request(*arguments, environment);
  REQUIRE(request);
  const auto lasting = lasting_words(*arguments, *request);
  REQUIRE(lasting);
  oci::ImageConfig image;
  image.stop_signal = "SIGINT";
  image.env = {"A=1"};
  image.history.push_back({.created_by = "something"});
  auto stored = decode_request(encode_request(*lasting, image));
  if (!stored) FAIL(stored.error().message());
  // Once more gives the same.
  CHECK(lasting_words(parse_arguments(run_verb(), stored->words).value(), stored->request).value() ==
        stored->words);
  return std::move(*stored);
}

}  // namespace

TEST_CASE("a stored request says what was asked for, without the surroundings") {
  const StoredRequest stored = there_and_back({"-dit",
                                               "--name",
                                               "x",
                                               "-e",
                                               "FROM_OUTSIDE",
                                               "-e",
                                               "A=b c",
                                               "-e",
                                               "NOT_SET",
                                               "--restart=on-failure:3",
                                               "-v",
                                               "/a:/b:ro",
                                               "--mount",
                                               "type=tmpfs,destination=/t",
                                               "--label",
                                               "k=v=w",
                                               "--label",
                                               "empty",
                                               "--stop-timeout",
                                               "3",
                                               "--memory",
                                               "64m",
                                               "-u",
                                               "1:2",
                                               "--init=false",
                                               "--log-opt",
                                               "max-size=1m",
                                               "--entrypoint",
                                               "",
                                               "--pull=always",
                                               "--cap-drop",
                                               "all",
                                               "--trace",
                                               "image:1",
                                               "prog",
                                               "--flag",
                                               "-x",
                                               "a b"});
  const ContainerRequest& request = stored.request;
  CHECK(request.image == "image:1");
  CHECK(request.command == std::vector<std::string>{"prog", "--flag", "-x", "a b"});
  CHECK(request.env == std::vector<std::string>{"FROM_OUTSIDE=seen", "A=b c"});
  CHECK(request.interactive);
  CHECK(request.terminal);
  CHECK_FALSE(request.init);
  CHECK(request.trace);
  CHECK(request.name.empty());
  CHECK(request.life.restart == run::RestartPolicy{.kind = run::RestartPolicy::Kind::on_failure, .most = 3});
  CHECK(request.life.labels == std::map<std::string, std::string>{{"k", "v=w"}, {"empty", ""}});
  CHECK(request.life.stop_timeout == std::chrono::seconds(3));
  CHECK(request.life.log_size == 1 << 20);
  CHECK(request.resources.memory.limit == 64 << 20);
  CHECK(request.entrypoint == std::vector<std::string>{});
  CHECK(request.user == "1:2");
  REQUIRE(request.mounts.size() == 2);
  CHECK(stored.image.stop_signal == "SIGINT");
  CHECK(stored.image.env == std::vector<std::string>{"A=1"});
  CHECK(stored.image.history.empty());
  CHECK(stored.networks == std::vector<std::string>{"private"});
}

TEST_CASE("the program of a stored request is the one that runs") {
  const StoredRequest stored =
      there_and_back({"--rm", "-i", "--entrypoint", R"(["sh","-c","a b"])", "image", "x"});
  CHECK(stored.request.entrypoint == std::vector<std::string>{"sh", "-c", "a b"});
  CHECK(stored.request.life.remove);
  CHECK(stored.request.interactive);
  // What a verb says beside its flags is kept, too: a shell is one in a container that goes with it.
  const auto arguments = parse_arguments(run_verb(), std::vector<std::string>{"image"});
  REQUIRE(arguments);
  auto request = container_request(*arguments, environment);
  REQUIRE(request);
  request->terminal = request->interactive = request->life.remove = true;
  request->entrypoint = {"/bin/sh"};
  const auto shell = decode_request(encode_request(lasting_words(*arguments, *request).value(), {}));
  REQUIRE(shell);
  CHECK(shell->request.entrypoint == std::vector<std::string>{"/bin/sh"});
  CHECK(shell->request.terminal);
  CHECK(shell->request.interactive);
  CHECK(shell->request.life.remove);
}

TEST_CASE("paths of a stored request are absolute") {
  const StoredRequest stored =
      there_and_back({"-v", "./a:/b", "--mount", "type=bind,src=c,dst=/d", "--rootfs", "some/dir", "sh"});
  CHECK(stored.request.mounts[0].source.starts_with('/'));
  CHECK(stored.request.mounts[1].source.starts_with('/'));
  CHECK(stored.request.image.starts_with('/'));
}

TEST_CASE("names of volumes and images in a stored request stay names") {
  const StoredRequest stored = there_and_back({"--mount", "source=named,destination=/v", "--mount",
                                               "type=volume,src=other,dst=/type=bind", "--mount",
                                               "type=image,src=busybox,dst=/i", "image:1"});
  REQUIRE(stored.request.mounts.size() == 3);
  CHECK(stored.request.mounts[0].source == "named");
  CHECK(stored.request.mounts[1].source == "other");
  CHECK(stored.request.mounts[2].source == "busybox");
}

TEST_CASE("a stored request that is none is refused") {
  for (const char* text : {"", "{}", "[]", R"({"version":2,"words":["x"],"image":"{}"})",
                           R"({"version":1,"words":["--no-such-flag","x"],"image":"{}"})",
                           R"({"version":1,"words":3,"image":"{}"})"})
    CHECK_FALSE(decode_request(text));
}

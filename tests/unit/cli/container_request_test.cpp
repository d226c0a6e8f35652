#include "cli/container_request.hpp"

#include <algorithm>

#include "cli/commands/commands.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;
using Words = std::vector<std::string>;

namespace {

std::optional<std::string> home_only(const std::string& name) {
  if (name == "HOME") return "/home/me";
  return std::nullopt;
}

Result<ContainerRequest> request(Words words) {
  return container_request(TRY(parse_arguments(run_verb(), words)), home_only);
}

bool has(const Words& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

TEST_CASE("what follows the image is the program's") {
  const auto parsed = request({"-it", "--rm", "hello", "sh", "-c", "--rm=false"});
  REQUIRE(parsed);
  CHECK(parsed->interactive);
  CHECK(parsed->terminal);
  CHECK(parsed->image == "hello");
  CHECK(parsed->command == Words{"sh", "-c", "--rm=false"});
  CHECK(parsed->init);
  CHECK_FALSE(request({"--init=false", "x"})->init);
}

TEST_CASE("command, entrypoint and the image's own") {
  oci::ImageConfig image;
  image.entrypoint = Words{"/entry"};
  image.cmd = Words{"default"};
  const auto args = [&image](Words words) {
    return runtime_config(request(std::move(words)).value(), image).value().process.args;
  };
  CHECK(args({"i"}) == Words{"/entry", "default"});
  CHECK(args({"i", "other"}) == Words{"/entry", "other"});
  CHECK(args({"--entrypoint=/mine", "i"}) == Words{"/mine"});
  CHECK(args({"--entrypoint=[\"/mine\", \"-x\"]", "i", "y"}) == Words{"/mine", "-x", "y"});
  CHECK(args({"--entrypoint=", "i", "y"}) == Words{"y"});
  image.entrypoint.reset();
  image.cmd.reset();
  const auto nothing = runtime_config(request({"i"}).value(), image);
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().hint_text() == "name one: ecrin run i COMMAND");
}

TEST_CASE("variables: the image's, then the user's") {
  oci::ImageConfig image;
  image.env = {"PATH=/p", "A=image"};
  const auto env =
      runtime_config(request({"-e", "A=user", "-e", "HOME", "-e", "UNSET", "i", "c"}).value(), image)
          ->process.env;
  CHECK(has(env, "PATH=/p"));
  CHECK(has(env, "A=user"));
  CHECK_FALSE(has(env, "A=image"));
  CHECK(has(env, "HOME=/home/me"));
  CHECK(std::ranges::none_of(env, [](const std::string& line) { return line.starts_with("UNSET"); }));
  CHECK(parse_env_file("# c\n A=1 \n\nHOME\nNOPE\n=x\n", home_only) == Words{"A=1", "HOME=/home/me"});
}

TEST_CASE("capabilities: all but, none but") {
  const Words defaults = {"CAP_CHOWN", "CAP_KILL"};
  CHECK(choose_capabilities(defaults, {"net_admin"}, {"CAP_KILL"}).value() ==
        Words{"CAP_CHOWN", "CAP_NET_ADMIN"});
  CHECK(choose_capabilities(defaults, {"KILL"}, {"ALL"}).value() == Words{"CAP_KILL"});
  const Words nearly_all = choose_capabilities(defaults, {"all"}, {"SYS_ADMIN"}).value();
  CHECK(has(nearly_all, "CAP_SYS_PTRACE"));
  CHECK_FALSE(has(nearly_all, "CAP_SYS_ADMIN"));
  CHECK_FALSE(choose_capabilities(defaults, {"FLY"}, {}));
}

TEST_CASE("what is wrong is refused before anything is opened") {
  CHECK_FALSE(request({}));
  CHECK_FALSE(request({"--name=a/b", "i"}));
  CHECK_FALSE(request({"--hostname=-x", "i"}));
  CHECK_FALSE(request({"--workdir=here", "i"}));
  CHECK_FALSE(request({"--network=ns:", "i"}));
  CHECK_FALSE(request({"-v", "/a:/x", "--tmpfs", "/x", "i"}));
  CHECK_FALSE(request({"-e", "=x", "i"}));
  CHECK_FALSE(request({"--trace", "--rootfs", "/"}));
}

TEST_CASE("with the host's network there is no network namespace") {
  const auto config = runtime_config(request({"--network=host", "i", "c"}).value(), {});
  CHECK(std::ranges::count(config->namespaces, oci::Namespace::network) == 0);
  CHECK(std::ranges::count(runtime_config(request({"i", "c"}).value(), {})->namespaces,
                           oci::Namespace::network) == 1);
}

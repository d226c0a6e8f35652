// A program in a tree whose owners are kept by the supervisor, by hand: as an ordinary user,
//   owners_trial ROOTFS UID PROGRAM [ARGUMENT]...
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

#include "run/container.hpp"
#include "run/user_namespace.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

Result<int> trial(const std::string& rootfs, unsigned uid, std::vector<std::string> args) {
  IdentityRequest request = identity_request().value();
  request.forced = IdentityMode::single;
  TRY(enter_user_namespace(request));
  ContainerOptions options;
  options.config = oci::default_runtime_config(oci::ImageConfig());
  options.config.process.args = std::move(args);
  options.config.process.uid = options.config.process.gid = uid;
  options.config.process.no_new_privileges = false;
  options.config.hostname = "trial";
  options.rootfs = rootfs;
  options.network = NetworkMode::host;
  options.stdio.inherited = true;
  Container container = TRY(Container::start(std::move(options)));
  const ExitStatus status = TRY(container.wait());
  return status.shell_code();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const auto code = trial(argv[1], static_cast<unsigned>(std::atoi(argv[2])), {argv + 3, argv + argc});
  if (code) return *code;
  std::fprintf(stderr, "%s\n", code.error().message().c_str());
  return 125;
}

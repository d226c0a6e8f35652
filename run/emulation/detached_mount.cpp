#include "run/emulation/detached_mount.hpp"

#include <sys/mount.h>

namespace ecrin::run {

Result<Fd> mount_detached(const std::string& type) {
  const Fd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (context && ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
    if (mount) return mount;
  }
  return fail_errno("cannot make a {} file system", type);
}

}  // namespace ecrin::run

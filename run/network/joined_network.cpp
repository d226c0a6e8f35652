#include "run/network/joined_network.hpp"

#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {

Result<Fd> open_network_namespace(const std::string& path) {
  Fd opened = TRY_WHILE(posix::open(path, O_RDONLY | O_NONBLOCK), "opening a network namespace");
  if (::ioctl(opened.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
    return fail(ErrorKind::invalid, "'{}' is no network namespace", printable(path));
  return opened;
}

Result<Fd> owner_of_namespace(const Fd& namespace_descriptor, const std::string& path) {
  const auto refused = [&path] {
    return fail(ErrorKind::denied, "the network namespace '{}' belongs to root: users cannot enter it",
                printable(path));
  };
  Fd owner(::ioctl(namespace_descriptor.get(), NS_GET_USERNS));
  if (!owner) {
    if (errno == EPERM) return refused();  // that of somebody above us
    return fail_errno("cannot find whom the network namespace '{}' belongs to", printable(path));
  }
  const struct stat theirs = TRY(posix::stat_fd(owner));
  const struct stat ours = TRY(posix::stat_fd(TRY(posix::open("/proc/self/ns/user", O_RDONLY))));
  const bool same = theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
  if (same && ::geteuid() != 0) return refused();
  return owner;
}

}  // namespace ecrin::run

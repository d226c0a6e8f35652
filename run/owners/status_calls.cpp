// stat(2), statx(2) and their companions: as the kernel, with the recorded owner.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "base/posix.hpp"
#include "run/owners/call_context.hpp"

namespace ecrin::run {
namespace {

Result<Fd> open_subject(const CallContext& call, int directory, std::optional<std::uint64_t> path,
                        int flags) {
  if (!path) return call.caller.open_descriptor(directory);
  const std::string text = TRY(call.caller.read_path(*path));
  if (text.empty() && (flags & AT_EMPTY_PATH)) return call.caller.open_descriptor(directory);
  return call.caller.open(directory, text,
                          flags & AT_SYMLINK_NOFOLLOW ? FinalSymlink::stay : FinalSymlink::follow);
}

// Nothing recorded: the kernel's own answer is right, and costs less.
struct Subject {
  Fd file;
  std::optional<fs::RecordedOwner> owner;
};

Result<Subject> look_up(const CallContext& call, int directory, std::optional<std::uint64_t> path, int flags,
                        struct stat& status) {
  Subject subject{.file = TRY(open_subject(call, directory, path, flags)), .owner = {}};
  status = TRY(posix::stat_fd(subject.file));
  subject.owner = TRY(call.records.find(subject.file, status));
  return subject;
}

}  // namespace

Result<CallAnswer> tell_status(const CallContext& call, int directory, std::optional<std::uint64_t> path,
                               std::uint64_t buffer, int flags) {
  struct stat status {};
  const Subject subject = TRY(look_up(call, directory, path, flags, status));
  if (!subject.owner) return CallAnswer();
  fs::apply_recorded_owner(status, *subject.owner);
  TRY(call.caller.write(buffer, std::as_bytes(std::span(&status, 1))));
  return answer_value();
}

Result<CallAnswer> tell_extended_status(const CallContext& call) {
  const int flags = call.descriptor(2);
  struct stat status {};
  const Subject subject = TRY(look_up(call, call.descriptor(0), call.address(1), flags, status));
  if (!subject.owner) return CallAnswer();
  struct statx extended {};
  const int asked = (flags & ~AT_SYMLINK_NOFOLLOW) | AT_EMPTY_PATH;
  if (::statx(subject.file.get(), "", asked, call.word(3), &extended) != 0)
    return fail_errno("cannot read the state of a file");
  fs::apply_recorded_owner(status, *subject.owner);
  extended.stx_uid = status.st_uid;
  extended.stx_gid = status.st_gid;
  extended.stx_mode = static_cast<std::uint16_t>(status.st_mode);
  if (subject.owner->type != 0) {
    extended.stx_rdev_major = major(status.st_rdev);
    extended.stx_rdev_minor = minor(status.st_rdev);
    extended.stx_size = 0;
    extended.stx_blocks = 0;
  }
  TRY(call.caller.write(call.address(4), std::as_bytes(std::span(&extended, 1))));
  return answer_value();
}

}  // namespace ecrin::run

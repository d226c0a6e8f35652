#include "run/plan/namespace_plan.hpp"

#include <linux/nsfs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

// Names below /proc/PID/ns.
std::string_view file_name(oci::Namespace kind) {
  switch (kind) {
    case oci::Namespace::network:
      return "net";
    case oci::Namespace::mount:
      return "mnt";
    default:
      return namespace_name(kind);
  }
}

Result<bool> is_ours(const Fd& file, oci::Namespace kind) {
  struct stat own {};
  const std::string path = fmt::format("/proc/self/ns/{}", file_name(kind));
  if (::stat(path.c_str(), &own) != 0) return fail_errno("cannot read '{}'", path);
  const struct stat other = TRY(posix::stat_fd(file));
  return own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

Result<Fd> open_namespace(const std::string& path, oci::Namespace kind, std::uint64_t flag) {
  Fd file = TRY(posix::open(path, O_RDONLY | O_NONBLOCK));
  if (const int type = ::ioctl(file.get(), NS_GET_NSTYPE); type != static_cast<int>(flag))
    return fail(ErrorKind::invalid, "'{}' is not a {} namespace", printable(path), namespace_name(kind));
  return file;
}

}  // namespace

Result<> check_namespaces(const oci::RuntimeConfig& config) {
  for (const auto& [kind, flag] : k_namespace_flags)
    if (std::ranges::count(config.namespaces, kind, &oci::RuntimeNamespace::kind) > 1)
      return fail(ErrorKind::invalid, "the {} namespace is there twice in linux.namespaces",
                  namespace_name(kind));
  const oci::RuntimeNamespace* user = oci::find_namespace(config, oci::Namespace::user);
  if (user && user->path.empty() && (config.uid_mappings.empty() || config.gid_mappings.empty()))
    return fail(ErrorKind::invalid, "a new user namespace needs linux.uidMappings and linux.gidMappings");
  if (!user && (!config.uid_mappings.empty() || !config.gid_mappings.empty()))
    return fail(ErrorKind::invalid,
                "linux.uidMappings and linux.gidMappings need a user namespace in linux.namespaces");
  const oci::RuntimeNamespace* time = oci::find_namespace(config, oci::Namespace::time);
  if (!config.time_offsets.empty() && (!time || !time->path.empty()))
    return fail(ErrorKind::invalid, "linux.timeOffsets needs a new time namespace in linux.namespaces");
  for (const auto& [clock, offset] : config.time_offsets)
    if (clock != "monotonic" && clock != "boottime")
      return fail(ErrorKind::invalid, "unknown clock '{}' in linux.timeOffsets", printable(clock));
  return {};
}

std::string format_time_offsets(const std::map<std::string, oci::TimeOffset>& offsets) {
  std::string text;
  for (const auto& [clock, offset] : offsets)
    text += fmt::format("{} {} {}\n", clock, offset.seconds, offset.nanoseconds);
  return text;
}

Result<std::vector<OpenNamespace>> open_joined_namespaces(const oci::RuntimeConfig& config) {
  std::vector<OpenNamespace> opened;
  for (const auto& [kind, flag] : k_namespace_flags) {
    const oci::RuntimeNamespace* wanted = oci::find_namespace(config, kind);
    if (!wanted || wanted->path.empty()) continue;
    Fd file = TRY_WHILE(open_namespace(wanted->path, kind, flag), "opening the {} namespace to join",
                        namespace_name(kind));
    if (kind == oci::Namespace::user && TRY(is_ours(file, kind))) continue;
    opened.push_back({.flag = flag, .file = std::move(file)});
  }
  return opened;
}

Result<std::vector<OpenNamespace>> open_namespaces_of(pid_t pid) {
  std::vector<OpenNamespace> opened;
  for (const auto& [kind, flag] : k_namespace_flags) {
    auto file = open_namespace(fmt::format("/proc/{}/ns/{}", pid, file_name(kind)), kind, flag);
    // A kernel may have been made without some kinds.
    if (!file && file.error().kind() == ErrorKind::not_found &&
        (kind == oci::Namespace::time || kind == oci::Namespace::cgroup))
      continue;
    if (!file) return std::unexpected(std::move(file).error());
    if (TRY(is_ours(*file, kind))) continue;
    opened.push_back({.flag = flag, .file = std::move(*file)});
  }
  return opened;
}

}  // namespace ecrin::run

#include "run/plan/namespace_plan.hpp"

#include <linux/nsfs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/proc_number.hpp"

namespace ecrin::run {
namespace {

Result<bool> is_ours(const Fd& file, oci::Namespace kind) {
  struct stat own {};
  const std::string path = fmt::format("/proc/self/ns/{}", namespace_file_name(kind));
  if (::stat(path.c_str(), &own) != 0) return fail_errno("cannot read '{}'", path);
  const struct stat other = TRY(posix::stat_fd(file));
  return own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

Result<> check_kind(const Fd& file, oci::Namespace kind, std::uint64_t flag, std::string_view name) {
  if (const int type = ::ioctl(file.get(), NS_GET_NSTYPE); type == static_cast<int>(flag)) return {};
  return fail(ErrorKind::invalid, "{} is not a {} namespace", name, namespace_name(kind));
}

Result<Fd> open_namespace(const std::string& path, oci::Namespace kind, std::uint64_t flag) {
  Fd file = TRY(posix::open(path, O_RDONLY | O_NONBLOCK));
  TRY(check_kind(file, kind, flag, fmt::format("'{}'", printable(path))));
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

Result<std::vector<OpenNamespace>> without_own(std::vector<OpenNamespace> opened) {
  std::vector<OpenNamespace> others;
  for (const auto& [kind, flag] : k_namespace_flags)
    for (OpenNamespace& one : opened) {
      if (one.flag != flag || !one.file) continue;
      TRY(check_kind(one.file, kind, flag, "what the container's first process gave"));
      if (!TRY(is_ours(one.file, kind))) others.push_back({.flag = flag, .file = std::move(one.file)});
    }
  return others;
}

Result<std::vector<OpenNamespace>> open_namespaces_of(pid_t pid) {
  std::vector<OpenNamespace> opened;
  for (const auto& [kind, flag] : k_namespace_flags) {
    auto file = open_namespace(fmt::format("/proc/{}/ns/{}", proc_number(pid), namespace_file_name(kind)),
                               kind, flag);
    // A kernel may have been made without some kinds.
    if (!file && file.error().kind() == ErrorKind::not_found &&
        (kind == oci::Namespace::time || kind == oci::Namespace::cgroup))
      continue;
    if (!file) return std::unexpected(std::move(file).error());
    opened.push_back({.flag = flag, .file = std::move(*file)});
  }
  return without_own(std::move(opened));
}

}  // namespace ecrin::run

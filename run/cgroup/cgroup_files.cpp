#include "run/cgroup/cgroup_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_file_limit = 16u << 20;
constexpr int k_most_levels = 200;  // of cgroups that a container may have made
constexpr int k_removal_tries = 500;
constexpr std::chrono::milliseconds k_removal_pause{10};

Result<> remove_once(const Fd& above, const std::string& name, int levels) {
  if (levels == 0) return fail(ErrorKind::limit, "a cgroup has more than {} levels below it", k_most_levels);
  const Fd directory = TRY(posix::open_at(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  for (const auto& entry : TRY(posix::list_directory(directory))) {
    if (entry.type != DT_DIR) continue;
    if (auto removed = remove_once(directory, entry.name, levels - 1);
        !removed && removed.error().code() != ENOENT)
      return removed;
  }
  return posix::unlink_at(above, name, AT_REMOVEDIR);
}

Result<> add_processes(std::vector<pid_t>& processes, const std::string& directory, int levels) {
  auto text = read_cgroup_file(directory + "/cgroup.procs");
  // A threaded cgroup does not tell its processes.
  if (!text && text.error().code() == EOPNOTSUPP) text = read_cgroup_file(directory + "/cgroup.threads");
  if (!text) {
    if (text.error().code() == ENOENT || text.error().code() == ENODEV) return {};  // removed just now
    return std::unexpected(std::move(text).error());
  }
  for (const std::string& line : split(*text, '\n'))
    // 0: one that this pid namespace does not see.
    if (const auto pid = parse_unsigned(line, INT32_MAX); pid && *pid > 0)
      processes.push_back(static_cast<pid_t>(*pid));
  if (levels == 0) return {};
  const auto opened = posix::open(directory, O_RDONLY | O_DIRECTORY);
  if (!opened) return {};
  for (const auto& entry : TRY(posix::list_directory(*opened)))
    if (entry.type == DT_DIR) TRY(add_processes(processes, directory + "/" + entry.name, levels - 1));
  return {};
}

}  // namespace

Result<> write_cgroup_file(const std::string& path, std::string_view text) {
  const Fd file = TRY(posix::open(path, O_WRONLY));
  if (::write(file.get(), text.data(), text.size()) < 0)
    return fail_errno("cannot write '{}' to {}", printable(text, 200), printable(path));
  return {};
}

Result<std::string> read_cgroup_file(const std::string& path) {
  return posix::read_file(path, k_file_limit);
}

bool has_cgroup_file(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

std::optional<std::uint64_t> read_cgroup_number(const std::string& path) {
  const auto text = read_cgroup_file(path);
  if (!text) return std::nullopt;
  const auto number = parse_unsigned(trim(*text));
  return number ? std::optional(*number) : std::nullopt;
}

std::map<std::string, std::uint64_t> read_cgroup_numbers(const std::string& path) {
  std::map<std::string, std::uint64_t> numbers;
  for (const std::string& line : split(read_cgroup_file(path).value_or(""), '\n')) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    if (const auto number = parse_unsigned(line.substr(space + 1))) numbers[line.substr(0, space)] = *number;
  }
  return numbers;
}

Result<std::vector<pid_t>> cgroup_processes(const std::string& directory) {
  std::vector<pid_t> processes;
  TRY(add_processes(processes, directory, k_most_levels));
  std::ranges::sort(processes);
  const auto twice = std::ranges::unique(processes);
  processes.erase(twice.begin(), twice.end());
  return processes;
}

Result<> remove_cgroup(const std::string& directory, Removal removal) {
  const std::size_t slash = directory.rfind('/');
  const auto above = posix::open(directory.substr(0, slash) + "/", O_RDONLY | O_DIRECTORY);
  if (!above) {
    if (above.error().code() == ENOENT) return {};
    return std::unexpected(above.error());
  }
  Result<> removed;
  for (int tries = 0; tries < k_removal_tries; ++tries) {
    removed = remove_once(*above, directory.substr(slash + 1), k_most_levels);
    if (removed || removed.error().code() == ENOENT) return {};
    if (removed.error().code() != EBUSY || removal == Removal::once) break;
    std::this_thread::sleep_for(k_removal_pause);  // processes that were killed just now
  }
  return std::unexpected(std::move(removed).error().context("removing the cgroup " + printable(directory)));
}

Result<std::vector<CgroupWrite>> find_cgroup_files(const std::vector<CgroupSetting>& settings,
                                                   const DirectoryOf& directory_of) {
  std::vector<CgroupWrite> writes;
  for (const CgroupSetting& setting : settings) {
    const std::string directory = directory_of(setting.controller);
    const auto is_there = [&](const std::string& file) {
      return !directory.empty() && !file.empty() && has_cgroup_file(directory + "/" + file);
    };
    if (is_there(setting.file)) {
      writes.push_back({setting.property, directory + "/" + setting.file, setting.value});
    } else if (is_there(setting.other_file)) {
      writes.push_back({setting.property, directory + "/" + setting.other_file, setting.other_value});
    } else if (setting.optional) {
      continue;
    } else if (directory.empty()) {
      return fail(ErrorKind::unsupported,
                  "linux.resources.{} cannot be had: there is no cgroup with the controller {}",
                  setting.property, printable(setting.controller));
    } else {
      return fail(ErrorKind::unsupported,
                  "linux.resources.{} cannot be had: the kernel of this host has no {}", setting.property,
                  printable(setting.file));
    }
  }
  return writes;
}

Result<> write_cgroup_files(std::vector<CgroupWrite> writes) {
  // Some are only taken beside others: a limit of memory above the one of memory and swap that is still set,
  // a burst above the quota. Those come again after the others.
  for (;;) {
    std::vector<CgroupWrite> again;
    std::optional<Error> first;
    for (CgroupWrite& write : writes) {
      auto written = write_cgroup_file(write.path, write.value);
      if (written) continue;
      Error error =
          std::move(written).error().context(fmt::format("setting linux.resources.{}", write.property));
      if (error.code() != EINVAL && error.code() != EBUSY) return std::unexpected(std::move(error));
      if (!first) first = std::move(error);
      again.push_back(std::move(write));
    }
    if (!first) return {};
    if (again.size() == writes.size()) return std::unexpected(std::move(*first));
    writes = std::move(again);
  }
}

Result<> write_cgroup_settings(const std::vector<CgroupSetting>& settings, const DirectoryOf& directory_of) {
  return write_cgroup_files(TRY(find_cgroup_files(settings, directory_of)));
}

}  // namespace ecrin::run

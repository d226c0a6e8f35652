// What is done with the directory of a cgroup, of either version, whoever made it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "run/cgroup/cgroup_settings.hpp"

namespace ecrin::run {

Result<> write_cgroup_file(const std::string& path, std::string_view text);
Result<std::string> read_cgroup_file(const std::string& path);
bool has_cgroup_file(const std::string& path);
/// The number in a file; none: there is no such file, or it says "max".
std::optional<std::uint64_t> read_cgroup_number(const std::string& path);
/// "key number" in each line.
std::map<std::string, std::uint64_t> read_cgroup_numbers(const std::string& path);

/// All processes in it and below, sorted. Of a threaded cgroup: its threads.
Result<std::vector<pid_t>> cgroup_processes(const std::string& directory);
enum class Removal {
  once,
  patient,  // waits a while for processes that were killed just now
};
/// With all below it, deepest first. Nothing when it is gone already.
Result<> remove_cgroup(const std::string& directory, Removal removal = Removal::patient);

/// The directory with a controller's files; "": the controller cannot be had.
using DirectoryOf = std::function<std::string(const std::string& controller)>;
/// A setting with the file that is there.
struct CgroupWrite {
  std::string property;  // what asks for it
  std::string path;
  std::string value;
};
/// An error when one of them is not there.
Result<std::vector<CgroupWrite>> find_cgroup_files(const std::vector<CgroupSetting>& settings,
                                                   const DirectoryOf& directory_of);
Result<> write_cgroup_files(std::vector<CgroupWrite> writes);
/// Both: one whose file is not there is found before anything is written.
Result<> write_cgroup_settings(const std::vector<CgroupSetting>& settings, const DirectoryOf& directory_of);

}  // namespace ecrin::run

#include "run/chroot/host_paths.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.hpp"
#include "run/plan/plan_parts.hpp"

namespace ecrin::run {
namespace {

constexpr std::array<std::string_view, 7> k_devices = {"null",    "zero", "full", "random",
                                                       "urandom", "ptmx", "pts"};

constexpr std::array<std::string_view, 5> k_placed = {"null", "zero", "full", "random", "urandom"};

// In all distributions this one leads to where the kernel says it.
bool is_mount_list(const std::vector<std::string>& parts) {
  return parts.size() == 2 && parts[0] == "etc" && parts[1] == "mtab";
}

bool is_link(const std::vector<std::string>& parts) {
  constexpr std::array<std::string_view, 4> names = {"fd", "stdin", "stdout", "stderr"};
  if (parts.size() == 2 && parts[0] == "dev" && std::ranges::find(names, parts[1]) != names.end())
    return true;
  return is_mount_list(parts);
}

// What the links in /dev mean (plan_devices.cpp).
bool resolve_device(std::vector<std::string>& parts) {
  if (parts.size() < 2) return false;
  const std::string name = parts[1];
  if (std::ranges::find(k_devices, name) != k_devices.end()) return true;
  constexpr std::array<std::string_view, 3> streams = {"stdin", "stdout", "stderr"};
  const auto stream = std::ranges::find(streams, name);
  if (stream != streams.end() && parts.size() == 2) {
    parts = {"proc", "self", "fd", std::to_string(stream - streams.begin())};
    return true;
  }
  if (name != "fd") return false;
  parts.erase(parts.begin());
  parts.insert(parts.begin(), {"proc", "self"});
  return true;
}

void resolve_process(std::vector<std::string>& parts, pid_t process, pid_t thread) {
  if (parts.size() < 2) return;
  std::string& name = parts[1];
  if (name == "self") {
    name = std::to_string(process);
  } else if (name == "thread-self") {
    name = fmt::format("{}/task/{}", process, thread);
  } else if (name == "mounts" || name == "net") {
    name = fmt::format("{}/{}", process, name);
  }
}

}  // namespace

std::optional<std::string> host_path(std::string_view path, pid_t process, pid_t thread, FinalSymlink final) {
  // The kernel's own files have no symlinks to directories on the way but those below.
  const auto inside = path_in_root(std::string(path), "path");
  if (!inside || inside->empty()) return std::nullopt;
  std::vector<std::string> parts = split(*inside, '/');
  if (final == FinalSymlink::stay && is_link(parts)) return std::nullopt;
  if (is_mount_list(parts)) parts = {"proc", "mounts"};
  if (parts[0] == "dev" && !resolve_device(parts)) return std::nullopt;
  if (parts[0] == "proc")
    resolve_process(parts, process, thread);
  else if (parts[0] != "dev" && parts[0] != "sys")
    return std::nullopt;
  return "/" + join(parts, "/");
}

bool has_stand_in(std::string_view host_path) {
  constexpr std::string_view directory = "/dev/";
  return host_path.starts_with(directory) &&
         std::ranges::find(k_placed, host_path.substr(directory.size())) != k_placed.end();
}

}  // namespace ecrin::run

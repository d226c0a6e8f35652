#include "run/plan/mount_options.hpp"

#include <sys/mount.h>

#include <algorithm>
#include <array>

namespace ecrin::run {
namespace {

// Of times there is one choice out of three, which the kernel keeps in a field of several bits. Its default,
// relatime, is 0.
constexpr std::uint64_t k_times = MOUNT_ATTR__ATIME;

struct Attribute {
  std::string_view name;  // also with an "r" in front: "rro"
  AttributeChange change;
};
constexpr std::array<Attribute, 18> k_attributes = {{
    {"ro", {.set = MOUNT_ATTR_RDONLY}},
    {"rw", {.clear = MOUNT_ATTR_RDONLY}},
    {"nosuid", {.set = MOUNT_ATTR_NOSUID}},
    {"suid", {.clear = MOUNT_ATTR_NOSUID}},
    {"nodev", {.set = MOUNT_ATTR_NODEV}},
    {"dev", {.clear = MOUNT_ATTR_NODEV}},
    {"noexec", {.set = MOUNT_ATTR_NOEXEC}},
    {"exec", {.clear = MOUNT_ATTR_NOEXEC}},
    {"nosymfollow", {.set = MOUNT_ATTR_NOSYMFOLLOW}},
    {"symfollow", {.clear = MOUNT_ATTR_NOSYMFOLLOW}},
    {"nodiratime", {.set = MOUNT_ATTR_NODIRATIME}},
    {"diratime", {.clear = MOUNT_ATTR_NODIRATIME}},
    {"noatime", {.set = MOUNT_ATTR_NOATIME, .clear = k_times}},
    {"strictatime", {.set = MOUNT_ATTR_STRICTATIME, .clear = k_times}},
    {"atime", {.clear = k_times}},
    {"nostrictatime", {.clear = k_times}},
    {"relatime", {.clear = k_times}},
    {"norelatime", {.clear = k_times}},  // as for mount(2), which has no other default to go back to
}};

struct Propagation {
  std::string_view name;
  std::uint64_t kind;
};
constexpr std::array<Propagation, 4> k_propagations = {
    {{"private", MS_PRIVATE}, {"slave", MS_SLAVE}, {"shared", MS_SHARED}, {"unbindable", MS_UNBINDABLE}}};

// What every file system takes, and the mount does not.
constexpr std::array<std::string_view, 7> k_super_block = {"sync",       "async", "dirsync", "lazytime",
                                                           "nolazytime", "mand",  "nomand"};

// Words that mean something to a tool, to fstab or to the C library's mount(2), and nothing to the kernel's
// new calls: how much the kernel logs, and whether it counts versions, which it decides by itself.
constexpr std::array<std::string_view, 11> k_without_effect = {
    "defaults", "z", "Z", "nocopy", "copy", "silent", "loud", "iversion", "noiversion", "notmpcopyup", ""};

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// The name without its "r", when that is a prefix of this name.
bool is_recursive_form(std::string_view option, std::string_view name) {
  return option.size() == name.size() + 1 && option.front() == 'r' && option.substr(1) == name;
}

void add(AttributeChange& all, const AttributeChange& one) {
  all.set = (all.set & ~one.clear) | one.set;
  // The field of times is always cleared before it is set; a single attribute is one or the other.
  all.clear = (all.clear & ~(one.set & ~k_times)) | one.clear;
}

bool apply_attribute(MountOptions& parsed, std::string_view option) {
  for (const Attribute& attribute : k_attributes) {
    const bool recursive = is_recursive_form(option, attribute.name);
    if (!recursive && option != attribute.name) continue;
    add(recursive ? parsed.recursive_attributes : parsed.attributes, attribute.change);
    return true;
  }
  return false;
}

bool apply_runtime_option(MountOptions& parsed, std::string_view option) {
  if (option == "bind" || option == "rbind") {
    parsed.bind = true;
    parsed.recursive_bind = option == "rbind";
  } else if (option == "remount") {
    parsed.remount = true;
  } else if (option == "tmpcopyup") {
    parsed.copy_up = true;
  } else if (option == "idmap") {
    parsed.id_mapped = IdMapped::one;
  } else if (option == "ridmap") {
    parsed.id_mapped = IdMapped::recursive;
  } else {
    return false;
  }
  return true;
}

}  // namespace

MountOptions parse_mount_options(std::span<const std::string> options) {
  MountOptions parsed;
  for (const std::string& option : options) {
    if (contains(k_without_effect, option) || apply_runtime_option(parsed, option) ||
        apply_attribute(parsed, option))
      continue;
    if (const auto propagation = parse_propagation(option))
      parsed.propagation.push_back(*propagation);
    else if (contains(k_super_block, option))
      parsed.super_block.push_back(option);
    else
      parsed.file_system.push_back(option);
  }
  return parsed;
}

std::optional<std::uint64_t> parse_propagation(std::string_view word) {
  for (const Propagation& propagation : k_propagations) {
    if (word == propagation.name) return propagation.kind;
    if (is_recursive_form(word, propagation.name)) return propagation.kind | MS_REC;
  }
  return std::nullopt;
}

}  // namespace ecrin::run

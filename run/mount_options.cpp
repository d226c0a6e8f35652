#include "run/mount_options.hpp"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace ecrin::run {
namespace {

enum class Effect { set, clear };
struct Attribute {
  std::string_view name;  // also with an "r" in front: "rro"
  std::uint64_t bits;
  Effect effect;
};
constexpr std::array<Attribute, 14> k_attributes = {{
    {"ro", MOUNT_ATTR_RDONLY, Effect::set},
    {"rw", MOUNT_ATTR_RDONLY, Effect::clear},
    {"nosuid", MOUNT_ATTR_NOSUID, Effect::set},
    {"suid", MOUNT_ATTR_NOSUID, Effect::clear},
    {"nodev", MOUNT_ATTR_NODEV, Effect::set},
    {"dev", MOUNT_ATTR_NODEV, Effect::clear},
    {"noexec", MOUNT_ATTR_NOEXEC, Effect::set},
    {"exec", MOUNT_ATTR_NOEXEC, Effect::clear},
    {"noatime", MOUNT_ATTR_NOATIME, Effect::set},
    {"atime", MOUNT_ATTR_NOATIME, Effect::clear},
    {"strictatime", MOUNT_ATTR_STRICTATIME, Effect::set},
    {"relatime", MOUNT_ATTR__ATIME, Effect::clear},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, Effect::set},
    {"diratime", MOUNT_ATTR_NODIRATIME, Effect::clear},
}};

struct Propagation {
  std::string_view name;
  std::uint64_t kind;
};
constexpr std::array<Propagation, 4> k_propagations = {
    {{"private", MS_PRIVATE}, {"slave", MS_SLAVE}, {"shared", MS_SHARED}, {"unbindable", MS_UNBINDABLE}}};

// Words that mean something to a tool or to fstab, and nothing to the kernel.
constexpr std::array<std::string_view, 4> k_without_effect = {"defaults", "z", "Z", "nocopy"};

bool apply_attribute(MountOptions& parsed, std::string_view option) {
  for (const Attribute& attribute : k_attributes) {
    const bool recursive = option.size() == attribute.name.size() + 1 && option.front() == 'r' &&
                           option.substr(1) == attribute.name;
    if (!recursive && option != attribute.name) continue;
    if (attribute.effect == Effect::set)
      parsed.attributes |= attribute.bits;
    else
      parsed.attributes &= ~attribute.bits;
    parsed.recursive |= recursive;
    return true;
  }
  return false;
}

bool apply_propagation(MountOptions& parsed, std::string_view option) {
  for (const Propagation& propagation : k_propagations) {
    const bool recursive = option.size() == propagation.name.size() + 1 && option.front() == 'r' &&
                           option.substr(1) == propagation.name;
    if (!recursive && option != propagation.name) continue;
    parsed.propagation = propagation.kind;
    return true;
  }
  return false;
}

}  // namespace

MountOptions parse_mount_options(std::span<const std::string> options) {
  MountOptions parsed;
  for (const std::string& option : options) {
    if (option == "bind" || option == "rbind") {
      parsed.bind = true;
      parsed.recursive |= option == "rbind";
    } else if (!apply_attribute(parsed, option) && !apply_propagation(parsed, option) &&
               std::ranges::find(k_without_effect, option) == k_without_effect.end()) {
      parsed.file_system.push_back(option);
    }
  }
  return parsed;
}

}  // namespace ecrin::run

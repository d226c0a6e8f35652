#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "run/plan/plan_parts.hpp"

namespace ecrin::run {
namespace {

struct DefaultDevice {
  const char* name;
  std::uint32_t major, minor;
};
constexpr std::array<DefaultDevice, 6> k_defaults = {
    {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}};
constexpr std::array<std::pair<const char*, const char*>, 6> k_links = {{{"fd", "/proc/self/fd"},
                                                                         {"stdin", "/proc/self/fd/0"},
                                                                         {"stdout", "/proc/self/fd/1"},
                                                                         {"stderr", "/proc/self/fd/2"},
                                                                         {"ptmx", "pts/ptmx"},
                                                                         {"core", "/proc/kcore"}}};
constexpr mode_t k_for_all = 0666;

Result<mode_t> type_bits(const oci::Device& device) {
  switch (device.type) {
    case 'c':
    case 'u':
      return S_IFCHR;
    case 'b':
      return S_IFBLK;
    case 'p':
      return S_IFIFO;
    default:
      return fail(ErrorKind::invalid, "the device '{}' has the type '{}', which is none of c, u, b, p",
                  printable(device.path), printable(std::string(1, device.type)));
  }
}

Result<std::uint32_t> device_number(const oci::Device& device, std::int64_t number, std::int64_t most) {
  if (number >= 0 && number <= most) return static_cast<std::uint32_t>(number);
  return fail(ErrorKind::invalid, "the device '{}' has the number {}, which is not one of 0 to {}",
              printable(device.path), number, most);
}

bool is_listed(const PlanParts& parts, const std::string& path) {
  return std::ranges::find(parts.config.devices, path, &oci::Device::path) != parts.config.devices.end();
}

}  // namespace

void plan_default_devices(PlanParts& parts) {
  for (const DefaultDevice& device : k_defaults) {
    const std::string path = std::string("/dev/") + device.name;
    if (is_listed(parts, path)) continue;
    parts.add(
        {.kind = SetupKind::device,
         .target = path.substr(1),
         .source = path,
         .node = DeviceNode{
             .mode = S_IFCHR | k_for_all, .major = device.major, .minor = device.minor, .required = false}});
  }
  for (const auto& [name, target] : k_links)
    parts.add({.kind = SetupKind::symlink, .target = std::string("dev/") + name, .source = target});
}

Result<> plan_devices(PlanParts& parts) {
  constexpr std::int64_t most_major = 4095;
  constexpr std::int64_t most_minor = (1 << 20) - 1;
  for (const oci::Device& device : parts.config.devices) {
    std::string target = TRY(path_in_root(device.path, "device"));
    SetupOp op{
        .kind = SetupKind::device, .target = std::move(target), .source = device.path, .node = DeviceNode()};
    if (op.target.empty())
      return fail(ErrorKind::invalid, "a device cannot be '{}' in the container", printable(device.path));
    // The two that the container has of its own whatever the list says.
    if (op.target == "dev/ptmx" || op.target == "dev/console") continue;
    DeviceNode& node = *op.node;
    const mode_t type = TRY(type_bits(device));
    node.mode = type | (device.file_mode.value_or(k_for_all) & 07777);
    if (type != S_IFIFO) {
      node.major = TRY(device_number(device, device.major, most_major));
      node.minor = TRY(device_number(device, device.minor, most_minor));
    }
    node.uid = device.uid.value_or(0);
    node.gid = device.gid.value_or(0);
    parts.add(std::move(op));
  }
  return {};
}

}  // namespace ecrin::run

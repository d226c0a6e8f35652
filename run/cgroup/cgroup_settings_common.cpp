#include "run/cgroup/cgroup_settings_common.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_least_weight = 10;
constexpr std::uint64_t k_most_weight = 1000;

Result<> check_weight(std::uint64_t weight, std::string_view property) {
  if (weight == 0 || (weight >= k_least_weight && weight <= k_most_weight)) return {};
  return fail(ErrorKind::invalid, "linux.resources.blockIO.{} is {}: weights are {} to {}", property, weight,
              k_least_weight, k_most_weight);
}

// "2MB", as the kernel names them.
bool is_page_size(std::string_view text) {
  if (text.size() < 3 || !text.ends_with('B')) return false;
  const char unit = text[text.size() - 2];
  text.remove_suffix(2);
  return (unit == 'K' || unit == 'M' || unit == 'G') &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<> check_weights(const oci::BlockIoResources& block_io) {
  TRY(check_weight(block_io.weight.value_or(0), "weight"));
  TRY(check_weight(block_io.leaf_weight.value_or(0), "leafWeight"));
  for (const auto* devices : {&block_io.weight_devices, &block_io.leaf_weight_devices})
    for (const oci::BlockDeviceValue& device : *devices) {
      TRY(check_weight(device.value, "weightDevice"));
      if (device.value == 0)
        return fail(ErrorKind::invalid, "linux.resources.blockIO.weightDevice {}:{} has no weight",
                    device.major, device.minor);
    }
  return {};
}

void add_pids(std::vector<CgroupSetting>& settings, const oci::Resources& resources) {
  if (!resources.pids) return;
  // None at all is as good as one, and systemd takes no 0.
  const std::string value =
      *resources.pids < 0 ? "max" : std::to_string(std::max<std::int64_t>(*resources.pids, 1));
  settings.push_back({"pids.limit", "pids", "pids.max", value});
}

Result<> add_hugepages(std::vector<CgroupSetting>& settings, const oci::Resources& resources,
                       std::string_view file) {
  for (const oci::HugepageLimit& page : resources.hugepages) {
    if (!is_page_size(page.page_size))
      return fail(ErrorKind::invalid, "linux.resources.hugepageLimits: '{}' is no page size (like 2MB)",
                  printable(page.page_size, 80));
    const std::string value = std::to_string(page.limit);
    settings.push_back(
        {"hugepageLimits", "hugetlb", fmt::format("hugetlb.{}.{}", page.page_size, file), value});
    // What is reserved counts as well, where the kernel counts it.
    settings.push_back(
        {"hugepageLimits", "hugetlb", fmt::format("hugetlb.{}.rsvd.{}", page.page_size, file), value, true});
  }
  return {};
}

void add_rdma(std::vector<CgroupSetting>& settings, const oci::Resources& resources) {
  for (const auto& [device, limit] : resources.rdma) {
    std::string value = device;
    if (limit.handles) value += fmt::format(" hca_handle={}", *limit.handles);
    if (limit.objects) value += fmt::format(" hca_object={}", *limit.objects);
    settings.push_back({fmt::format("rdma['{}']", printable(device, 100)), "rdma", "rdma.max", value});
  }
}

}  // namespace ecrin::run

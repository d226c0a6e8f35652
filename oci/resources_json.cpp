// "linux.resources" of config.json.
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/runtime_config_parts.hpp"

namespace ecrin::oci {

namespace {

Result<BlockDeviceValue> read_device(const JsonProperty& property) {
  BlockDeviceValue device;
  TRY(read_required(property, "major", device.major));
  TRY(read_required(property, "minor", device.minor));
  return device;
}

// One entry may have both weights.
Result<> read_weights(const JsonProperty& property, BlockIoResources& block_io) {
  const std::optional<JsonProperty> list = TRY(property.find("weightDevice"));
  if (!list) return {};
  for (const JsonProperty& element : TRY(list->elements())) {
    BlockDeviceValue device = TRY(read_device(element));
    std::optional<std::uint16_t> weight, leaf_weight;
    TRY(read(element, "weight", weight));
    TRY(read(element, "leafWeight", leaf_weight));
    if (weight) {
      device.value = *weight;
      block_io.weight_devices.push_back(device);
    }
    if (leaf_weight) {
      device.value = *leaf_weight;
      block_io.leaf_weight_devices.push_back(device);
    }
  }
  return {};
}

Result<> read_rates(const JsonProperty& property, const char* key, std::vector<BlockDeviceValue>& devices) {
  const std::optional<JsonProperty> list = TRY(property.find(key));
  if (!list) return {};
  for (const JsonProperty& element : TRY(list->elements())) {
    BlockDeviceValue device = TRY(read_device(element));
    TRY(read_required(element, "rate", device.value));
    devices.push_back(device);
  }
  return {};
}

// -1 is what Go programs write for all numbers.
Result<> read_number(const JsonProperty& property, const char* key, std::optional<std::int64_t>& number) {
  const std::optional<JsonProperty> member = TRY(property.find(key));
  if (!member) return {};
  number = TRY(member->integer(-1, std::numeric_limits<std::int64_t>::max()));
  if (number == -1) number.reset();
  return {};
}

Json memory_json(const MemoryResources& memory) {
  Json json = Json::object();
  put_integer(json, "limit", memory.limit);
  put_integer(json, "reservation", memory.reservation);
  put_integer(json, "swap", memory.swap);
  put_integer(json, "kernel", memory.kernel);
  put_integer(json, "kernelTCP", memory.kernel_tcp);
  put_integer(json, "swappiness", memory.swappiness);
  put(json, "disableOOMKiller", memory.disable_oom_killer);
  put(json, "checkBeforeUpdate", memory.check_before_update);
  return json;
}

Json cpu_json(const CpuResources& cpu) {
  Json json = Json::object();
  put_integer(json, "shares", cpu.shares);
  put_integer(json, "quota", cpu.quota);
  put_integer(json, "period", cpu.period);
  put_integer(json, "burst", cpu.burst);
  put_integer(json, "realtimeRuntime", cpu.realtime_runtime);
  put_integer(json, "realtimePeriod", cpu.realtime_period);
  put_integer(json, "idle", cpu.idle);
  put(json, "cpus", cpu.cpus);
  put(json, "mems", cpu.mems);
  return json;
}

void put_devices(Json& json, const char* key, const char* value,
                 const std::vector<BlockDeviceValue>& devices) {
  for (const BlockDeviceValue& device : devices)
    json[key].push_back({{"major", device.major}, {"minor", device.minor}, {value, device.value}});
}

Json block_io_json(const BlockIoResources& block_io) {
  Json json = Json::object();
  put_integer(json, "weight", block_io.weight);
  put_integer(json, "leafWeight", block_io.leaf_weight);
  put_devices(json, "weightDevice", "weight", block_io.weight_devices);
  put_devices(json, "weightDevice", "leafWeight", block_io.leaf_weight_devices);
  put_devices(json, "throttleReadBpsDevice", "rate", block_io.read_bytes);
  put_devices(json, "throttleWriteBpsDevice", "rate", block_io.write_bytes);
  put_devices(json, "throttleReadIOPSDevice", "rate", block_io.read_operations);
  put_devices(json, "throttleWriteIOPSDevice", "rate", block_io.write_operations);
  return json;
}

Json network_json(const NetworkResources& network) {
  Json json = Json::object();
  put_integer(json, "classID", network.class_id);
  for (const auto& [name, priority] : network.priorities)
    json["priorities"].push_back({{"name", name}, {"priority", priority}});
  return json;
}

Json device_rule_json(const DeviceRule& rule) {
  Json json = {{"allow", rule.allow}, {"type", std::string(1, rule.type)}, {"access", rule.access}};
  put_integer(json, "major", rule.major);
  put_integer(json, "minor", rule.minor);
  return json;
}

}  // namespace

Result<> read_value(const JsonProperty& property, MemoryResources& memory) {
  TRY(read(property, "limit", memory.limit));
  TRY(read(property, "reservation", memory.reservation));
  TRY(read(property, "swap", memory.swap));
  TRY(read(property, "kernel", memory.kernel));
  TRY(read(property, "kernelTCP", memory.kernel_tcp));
  TRY(read(property, "swappiness", memory.swappiness));
  TRY(read(property, "disableOOMKiller", memory.disable_oom_killer));
  TRY(read(property, "checkBeforeUpdate", memory.check_before_update));
  return {};  // "useHierarchy": kernels of today know nothing else
}

Result<> read_value(const JsonProperty& property, CpuResources& cpu) {
  TRY(read(property, "shares", cpu.shares));
  TRY(read(property, "quota", cpu.quota));
  TRY(read(property, "period", cpu.period));
  TRY(read(property, "burst", cpu.burst));
  TRY(read(property, "realtimeRuntime", cpu.realtime_runtime));
  TRY(read(property, "realtimePeriod", cpu.realtime_period));
  TRY(read(property, "idle", cpu.idle));
  TRY(read(property, "cpus", cpu.cpus));
  TRY(read(property, "mems", cpu.mems));
  return {};
}

Result<> read_value(const JsonProperty& property, BlockIoResources& block_io) {
  TRY(read(property, "weight", block_io.weight));
  TRY(read(property, "leafWeight", block_io.leaf_weight));
  TRY(read_weights(property, block_io));
  TRY(read_rates(property, "throttleReadBpsDevice", block_io.read_bytes));
  TRY(read_rates(property, "throttleWriteBpsDevice", block_io.write_bytes));
  TRY(read_rates(property, "throttleReadIOPSDevice", block_io.read_operations));
  TRY(read_rates(property, "throttleWriteIOPSDevice", block_io.write_operations));
  return {};
}

Result<> read_value(const JsonProperty& property, HugepageLimit& limit) {
  TRY(read_required(property, "pageSize", limit.page_size));
  TRY(read_required(property, "limit", limit.limit));
  return {};
}

Result<> read_value(const JsonProperty& property, NetworkResources& network) {
  TRY(read(property, "classID", network.class_id));
  const std::optional<JsonProperty> priorities = TRY(property.find("priorities"));
  if (!priorities) return {};
  for (const JsonProperty& element : TRY(priorities->elements())) {
    const JsonProperty name = TRY(element.get("name"));
    TRY(read_required(element, "priority", network.priorities[TRY(name.text())]));
  }
  return {};
}

Result<> read_value(const JsonProperty& property, RdmaLimit& limit) {
  TRY(read(property, "hcaHandles", limit.handles));
  TRY(read(property, "hcaObjects", limit.objects));
  return {};
}

Result<> read_value(const JsonProperty& property, DeviceRule& rule) {
  TRY(read_required(property, "allow", rule.allow));
  std::string type, access;
  TRY(read(property, "type", type));
  if (type.empty()) type = "a";
  if (type != "a" && type != "b" && type != "c")
    return property.refuse(fmt::format("has the type '{}', not a, b or c", printable(type, 50)));
  rule.type = type[0];
  TRY(read_number(property, "major", rule.major));
  TRY(read_number(property, "minor", rule.minor));
  TRY(read(property, "access", access));
  if (access.find_first_not_of("rwm") != std::string::npos)
    return property.refuse(fmt::format("has the access '{}', not one of r, w and m", printable(access, 50)));
  if (!access.empty()) rule.access = std::move(access);
  return {};
}

Result<> read_value(const JsonProperty& property, Resources& resources) {
  TRY(read(property, "memory", resources.memory));
  TRY(read(property, "cpu", resources.cpu));
  if (const std::optional<JsonProperty> pids = TRY(property.find("pids")))
    TRY(read(*pids, "limit", resources.pids));
  TRY(read(property, "blockIO", resources.block_io));
  TRY(read(property, "hugepageLimits", resources.hugepages));
  TRY(read(property, "network", resources.network));
  TRY(read(property, "rdma", resources.rdma));
  TRY(read(property, "unified", resources.unified));
  TRY(read(property, "devices", resources.devices));
  return {};
}

Json resources_json(const Resources& resources) {
  Json json = Json::object();
  put(json, "memory", memory_json(resources.memory));
  put(json, "cpu", cpu_json(resources.cpu));
  if (resources.pids) json["pids"] = {{"limit", *resources.pids}};
  put(json, "blockIO", block_io_json(resources.block_io));
  for (const HugepageLimit& limit : resources.hugepages)
    json["hugepageLimits"].push_back({{"pageSize", limit.page_size}, {"limit", limit.limit}});
  put(json, "network", network_json(resources.network));
  for (const auto& [device, limit] : resources.rdma) {
    Json& entry = json["rdma"][device] = Json::object();
    put_integer(entry, "hcaHandles", limit.handles);
    put_integer(entry, "hcaObjects", limit.objects);
  }
  put(json, "unified", resources.unified);
  for (const DeviceRule& rule : resources.devices) json["devices"].push_back(device_rule_json(rule));
  return json;
}

}  // namespace ecrin::oci

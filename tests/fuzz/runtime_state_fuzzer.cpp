// state.json of the OCI runtime: what was read is the same after it was written and read again.
#include "run/runtime_record.hpp"

#include <nlohmann/json.hpp>

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::run;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  if (check_container_id(text))
    require(!text.empty() && text.size() <= 255 && !text.contains('/') && !text.starts_with('.'));
  const auto record = record_from_json(text);
  if (!record) return 0;
  require(record->process.pid >= 0);  // others mean groups of processes, or all
  for (const CgroupDirectory& directory : record->cgroup.directories)
    require(directory.path.starts_with('/'));
  const auto again = record_from_json(ecrin::dump_json(record_to_json(*record)));
  require(again && *again == *record);
  (void)ecrin::dump_json(state_document(*record, ContainerStatus::running));
  return 0;
}

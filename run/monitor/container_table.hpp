// ContainerTable: the containers of a store, as rows. A row holds the image and the layers that its container
// stands on: garbage collection leaves them.
//
// The state in a row is what the container's monitor wrote last. Whether that monitor is alive is told by the
// lock of the container's directory (container_place.hpp), so that a crash is seen by whoever looks next.
#pragma once

#include <string>
#include <vector>

#include "base/database.hpp"
#include "run/monitor/container_record.hpp"

namespace ecrin::run {

class ContainerTable {
public:
  static Result<> migrate(Database& database);
  explicit ContainerTable(Database& database) : m_database(&database) {}

  /// A name that is taken is a conflict.
  Result<> add(const StoredContainer& record);
  Result<std::optional<StoredContainer>> get(const std::string& id);
  /// By name, by ID, or by a beginning of an ID that fits one container only.
  Result<StoredContainer> find(const std::string& words);
  Result<std::vector<StoredContainer>> list();  // the oldest first
  Result<> set_state(const std::string& id, const ContainerState& state);
  Result<> set_request(const std::string& id, const std::string& request);
  Result<> set_name(const std::string& id, const std::string& name);
  Result<> remove(const std::string& id);  // it may be gone already

  /// What garbage collection must leave. Inside its transaction.
  struct Needs {
    std::vector<std::string> layers;     // directory ids
    std::vector<std::string> manifests;  // digests
  };
  Result<Needs> needs();

private:
  Result<std::vector<StoredContainer>> select(std::string_view condition, const std::string& value);
  Database* m_database;
};

}  // namespace ecrin::run

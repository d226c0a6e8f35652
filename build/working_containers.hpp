// WorkingContainers: trees that grow step by step while a script builds an image (`ecrin from`, `run --into`,
// `copy-into`, `commit`). A working container is no more than a row: its base, its steps with their layers
// and keys, and the config in force. Table `working_containers`; its layers and its base are held by the row.
//
// Whoever changes one has its lock, and writes the row when the step is whole: a kill in between leaves the
// container as it was before the step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "base/file_lock.hpp"
#include "build/workshop.hpp"
#include "oci/image_config.hpp"

namespace ecrin::build {

struct WorkingStep {
  std::string text;          // for the image's history
  std::string layer;         // directory id; "" = it changed nothing
  bool independent = false;  // its layer is the same on any tree
  oci::ImageConfig after;
};

struct WorkingContainer {
  std::string name;
  std::int64_t created = 0;
  std::string image;  // as the user named it; "scratch"
  std::string base;   // digest of its manifest; "" = scratch
  oci::Platform platform;
  oci::ImageConfig config;         // in force; without history and diff IDs
  std::string tree_key;            // of the tree, as the build cache knows it
  bool own_cmd = false;            // the command does not come from the base
  std::vector<std::string> shell;  // in force
  std::vector<WorkingStep> steps;
};

class WorkingContainers {
public:
  /// Makes the table; Workshop::open() does it.
  static Result<> migrate(Database& database);
  explicit WorkingContainers(Store& store) : m_store(&store) {}

  /// Waits for whoever else is at work on it; `waits`: FileLock::acquire_named.
  Result<NamedLock> lock(const std::string& name, const CancelToken* cancel,
                         const std::function<void()>& waits = {});
  Result<std::optional<WorkingContainer>> get(const std::string& name);
  /// The same, and it must be there.
  Result<WorkingContainer> need(const std::string& name);
  Result<std::vector<WorkingContainer>> list();  // by name
  Result<std::vector<std::string>> names();      // also of those that another version made
  Result<std::vector<std::pair<std::string, std::string>>> bases();  // names, and manifests they begin with
  /// A new one; a name that is taken is a conflict.
  Result<> add(const WorkingContainer& container);
  Result<> update(const WorkingContainer& container);
  Result<> remove(const std::string& name);

  /// What garbage collection must leave. Inside its transaction.
  struct Needs {
    std::vector<std::string> layers;  // directory ids
    std::vector<std::string> bases;   // digests of manifests
  };
  Result<Needs> needs();

private:
  Store* m_store;
};

/// Letters, digits, '_', '.' and '-'.
bool is_container_name(std::string_view name);

}  // namespace ecrin::build

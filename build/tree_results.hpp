// TreeResults: which result a step had on a tree of which content. The key of a step names the steps below
// it; when one of those ran again and made the same, the key is new, but the tree is not, and the result of
// before stands (early cut-off).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/database.hpp"
#include "fs/layer_store.hpp"

namespace ecrin::build {

class TreeResults {
public:
  /// The tables; after those of the build cache.
  static Result<> migrate(Database& database);
  TreeResults(Database& database, fs::LayerStore& layers) : m_database(database), m_layers(layers) {}

  /// One step: `command` is its key without that of its parent (command_key), `tree` the chain ID of the
  /// layers below it, `key` that of its row in the build cache.
  struct Row {
    std::string command;
    std::string tree;
    std::string key;
  };
  Result<> add(const std::vector<Row>& rows);
  /// On any tree.
  Result<bool> knows(const std::string& command);

  struct Found {
    std::optional<fs::Layer> layer;  // held; none: the step changed nothing
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
    double seconds = 0;  // that it took
  };
  Result<std::optional<Found>> find(const std::string& command, const std::string& tree);

private:
  Database& m_database;
  fs::LayerStore& m_layers;
};

}  // namespace ecrin::build

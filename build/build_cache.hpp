// BuildCache: which key has which layer, and which inputs each key was made of. A row is written after its
// layer has its final name; a row whose layer is gone is a miss.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/database.hpp"
#include "build/cache_key.hpp"
#include "fs/layer_store.hpp"

namespace ecrin::build {

/// A place in a recipe where a step stood: what `--explain` compares with.
struct Slot {
  std::string recipe;  // identity of recipe and context
  std::string stage;
  std::size_t ordinal = 0;
  std::string text;
};

struct CachedStep {
  std::optional<fs::Layer> layer;  // none: the step changed nothing
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  double seconds = 0;  // that it took
};

struct FinishedStep {
  std::string key;
  std::string layer_id;  // "" = no layer
  std::string below_id;  // what it was made on (tree_name); "" = the base's own
  std::string text;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  double seconds = 0;
  const KeyInputs* inputs = nullptr;
};

/// How the tree is called that a step makes: by its uppermost layer, whose row says what that was made on. An
/// independent layer says nothing of what is below, so all down to the next other one are named: "a b c".
std::string tree_name(const std::string& layer_id, const std::string& below, bool independent);

class BuildCache {
public:
  static Result<std::unique_ptr<BuildCache>> open(Database& database, fs::LayerStore& layers);

  struct Query {
    std::string key;
    std::optional<std::size_t> parent;  // an earlier query: the step whose tree this one starts from
    bool independent = false;  // its layer is the same on any tree: found also when its parent is not
    std::optional<std::string> known_tree = std::nullopt;  // a tree that stands: its tree_name; not asked for
  };
  /// One answer a query, in order. What is found is held by this process. A result is found only
  /// when its parent is, with the very layer that it was made on: a step that ran twice with different
  /// outcomes never mixes the two. An independent one is found by itself, and what stands on it only when all
  /// below it was found too.
  Result<std::vector<std::optional<CachedStep>>> find(const std::vector<Query>& queries);
  /// Results may also have keys of their content, "FAMILY CONTENT": is there one of this family?
  Result<bool> has_family(const std::string& family);
  /// What a key was made of; none: there is no such key.
  Result<std::optional<KeyInputs>> inputs_of(const std::string& key);
  Result<> add(const FinishedStep& step, std::int64_t now);
  /// The layer turned out to be one that the store has already: rows that there are and that come later name
  /// that one.
  Result<> replace_layer(const std::string& id, const std::string& by);
  /// These steps stand at these places now, and were used. One transaction, and none when nothing changed
  /// today.
  struct Use {
    Slot slot;
    std::string key;
  };
  Result<> record_use(const std::vector<Use>& uses, std::int64_t now);

  struct Earlier {
    KeyInputs inputs;
    bool same_text = false;
  };
  /// The last step at this place (the one with the same text, else the one with the same number).
  Result<std::optional<Earlier>> earlier(const Slot& slot);

private:
  BuildCache(Database& database, fs::LayerStore& layers) : m_database(database), m_layers(layers) {}
  Database& m_database;
  fs::LayerStore& m_layers;
  std::map<std::string, std::string> m_replaced;  // guarded by the database's lock
};

/// The tables, for others that read them in their own transactions (garbage collection).
Result<> migrate_build_tables(Database& database);

}  // namespace ecrin::build

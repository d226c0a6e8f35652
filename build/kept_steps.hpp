// KeptSteps: RUN steps that failed, with the tree as they left it and all that their programs had, so that
// somebody can look into them later (`ecrin debug`). Table `kept_steps`. What a step left is a layer like
// others, held by its row; the last few of each recipe stay, and prune takes them away.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "build/workshop.hpp"

namespace ecrin::build {

struct KeptStep {
  std::string id;
  std::int64_t created = 0;
  std::string context;  // with `file`: which recipe
  std::string file;     // of the recipe, as the user named it
  int line = 0;
  std::string stage;
  std::size_t number = 0;  // as progress showed it
  std::string text;
  int exit_code = 0;
  std::string own_layer;            // what it left; "" = it had changed nothing
  std::vector<std::string> layers;  // directory ids of all that it needs
  std::string spec;                 // encode_step
};

class KeptSteps {
public:
  /// Makes the table; Workshop::open() does it.
  static Result<> migrate(Database& database);
  explicit KeptSteps(Database& database) : m_database(&database) {}

  /// Records it; the oldest ones of the same recipe make room. Their ids are returned, for remove().
  Result<std::vector<std::string>> add(const KeptStep& step);
  /// Newest first.
  Result<std::vector<KeptStep>> list();
  /// The newest for "", else the one whose id begins so.
  Result<KeptStep> find(const std::string& words);
  /// Inside the caller's transaction.
  Result<> remove_row(const std::string& id);

private:
  Database* m_database;
};

/// Removes steps and what they left, but not what somebody is looking into just now: those are returned.
Result<std::vector<std::string>> remove_kept_steps(Workshop& workshop, const std::vector<std::string>& ids);

}  // namespace ecrin::build

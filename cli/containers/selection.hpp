// The containers that a verb is for: by name, by ID, all, the latest, or by filter; with their state as it
// really is.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/store.hpp"
#include "cli/arguments.hpp"
#include "cli/first_error.hpp"
#include "cli/session.hpp"
#include "run/monitor/container_place.hpp"
#include "run/monitor/container_table.hpp"

namespace ecrin::cli {

class Containers {
public:
  /// Without a user namespace.
  static Result<Containers> open(Session& session);
  static Result<Containers> open(Store& store);

  run::ContainerTable& table() { return m_table; }
  Store& store() { return *m_store; }
  Result<run::StoredContainer> find(const std::string& words);
  Result<std::vector<run::StoredContainer>> list();  // the oldest first
  Result<run::StoredContainer> latest();
  Result<run::ContainerPlace> place(const run::StoredContainer& record);
  /// A connection to its monitor; ErrorKind::conflict when it does not run.
  Result<Fd> connect(const run::StoredContainer& record);

private:
  explicit Containers(Store& store) : m_store(&store), m_table(store.database()) {}
  Result<> settle(run::StoredContainer& record);
  Store* m_store;
  run::ContainerTable m_table;
};

/// Has it a program, or will it have one again?
bool is_active(const run::ContainerState& state);

/// --all, --latest, --cidfile and --ignore, for verbs that take CONTAINER...
std::vector<Flag> selection_flags();
/// The names that were given, with those in --cidfile: some, or one of --all and --latest.
Result<std::vector<std::string>> named_containers(const Arguments& arguments);
/// Those that the words mean, in their order; none twice. What is missing is an error of `errors`, unless
/// --ignore was given.
Result<std::vector<run::StoredContainer>> selected_containers(Containers& containers,
                                                              const Arguments& arguments, FirstError& errors);

/// With --latest that one, else the first of the words, which is taken away from them.
Result<run::StoredContainer> latest_or_first(Containers& containers, const Arguments& arguments,
                                             std::span<const std::string>& words);

}  // namespace ecrin::cli

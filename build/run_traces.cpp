#include "build/run_traces.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "build/packed_trace.hpp"

namespace ecrin::build {
namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"sql(
CREATE TABLE run_traces (
  image TEXT NOT NULL,       -- ID
  layers INTEGER NOT NULL,   -- of the image's that the runs stood on, from the bottom
  runs INTEGER NOT NULL,
  last_run INTEGER NOT NULL,
  trace TEXT NOT NULL,       -- of all of them together; encode_trace, zstd
  PRIMARY KEY (image, layers)
) WITHOUT ROWID;
)sql"};

// The tree is one, so its states are: each may only lack what its run did not ask for.
void add_to(fs::TracedPath& path, const fs::TracedPath& other) {
  if (!path.is_there) path = other;
  if (other.has_time) {
    path.has_time = true;
    path.seconds = other.seconds;
    path.nanoseconds = other.nanoseconds;
  }
  const auto take = [&](std::string fs::TracedPath::*digest) {
    if ((path.*digest).empty()) path.*digest = other.*digest;
  };
  take(&fs::TracedPath::target);
  take(&fs::TracedPath::xattrs);
  take(&fs::TracedPath::content);
  take(&fs::TracedPath::names);
  take(&fs::TracedPath::link_of);
}

}  // namespace

fs::ImageTrace merge_traces(const fs::ImageTrace& first, const fs::ImageTrace& second) {
  fs::ImageTrace merged;
  merged.reserve(std::max(first.size(), second.size()));
  auto other = second.begin();
  for (const fs::TracedPath& path : first) {
    while (other != second.end() && other->path < path.path) merged.push_back(*other++);
    merged.push_back(path);
    if (other != second.end() && other->path == path.path) add_to(merged.back(), *other++);
  }
  merged.insert(merged.end(), other, second.end());
  return merged;
}

Result<> RunTraces::migrate(Database& database) {
  return database.migrate("run_traces", k_schema);
}

Result<> RunTraces::add(const std::string& image, std::size_t layers, const fs::ImageTrace& trace,
                        std::int64_t now) {
  auto transaction = TRY(m_database->begin());
  std::int64_t runs = 1;
  std::optional<fs::ImageTrace> before;
  {
    auto select =
        TRY(m_database->prepare("SELECT runs, trace FROM run_traces WHERE image = ?1 AND layers = ?2"));
    select.bind(1, image).bind(2, static_cast<std::int64_t>(layers));
    if (TRY(select.step()) == Statement::Step::row) before = unpack_trace(select.text(1));
    if (before) runs += select.integer(0);
  }
  const std::string packed = TRY(pack_trace(before ? merge_traces(*before, trace) : trace));
  auto insert =
      TRY(m_database->prepare("INSERT OR REPLACE INTO run_traces (image, layers, runs, last_run, trace) "
                              "VALUES (?1, ?2, ?3, ?4, ?5)"));
  insert.bind(1, image).bind(2, static_cast<std::int64_t>(layers)).bind(3, runs).bind(4, now).bind(5, packed);
  TRY(insert.run());
  return transaction.commit();
}

Result<std::vector<RunTrace>> RunTraces::of(const std::string& image) {
  auto lock = m_database->lock();
  auto select =
      TRY(m_database->prepare("SELECT layers, runs, trace FROM run_traces WHERE image = ?1 ORDER BY layers"));
  select.bind(1, image);
  std::vector<RunTrace> traces;
  while (TRY(select.step()) == Statement::Step::row) {
    auto trace = unpack_trace(select.text(2));
    if (!trace) continue;
    traces.push_back({.layers = static_cast<std::size_t>(select.integer(0)),
                      .runs = static_cast<std::uint64_t>(select.integer(1)),
                      .trace = std::move(*trace)});
  }
  return traces;
}

Result<> forget_run_traces(Database& database, const std::vector<std::string>& remaining_ids) {
  const std::set<std::string> remaining(remaining_ids.begin(), remaining_ids.end());
  std::vector<std::string> gone;
  {
    auto select = TRY(database.prepare("SELECT DISTINCT image FROM run_traces"));
    while (TRY(select.step()) == Statement::Step::row)
      if (!remaining.contains(select.text(0))) gone.push_back(select.text(0));
  }
  for (const std::string& image : gone) {
    auto remove = TRY(database.prepare("DELETE FROM run_traces WHERE image = ?1"));
    TRY(remove.bind(1, image).run());
  }
  return {};
}

}  // namespace ecrin::build

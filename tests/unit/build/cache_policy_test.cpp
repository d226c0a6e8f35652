#include "build/cache_policy.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::build;

namespace {

using Keys = std::vector<std::string>;

const std::vector<CacheEntry> k_entries = {
    {.key = "new", .layer = "l3", .created = 30, .last_used = 300},
    {.key = "old", .layer = "l1", .created = 10, .last_used = 100},
    {.key = "first", .layer = "l2", .created = 20, .last_used = 200},
    {.key = "second", .layer = "l4", .created = 21, .last_used = 200},  // made on top of "first"
    {.key = "shares", .layer = "l3", .created = 5, .last_used = 50},
};
const std::map<std::string, std::uint64_t> k_sizes = {{"l1", 10}, {"l2", 20}, {"l3", 30}, {"l4", 40}};

}  // namespace

TEST_CASE("without a policy the whole cache goes, the least recently used first") {
  CHECK(choose_cache_entries(k_entries, k_sizes, {}) == Keys{"shares", "old", "second", "first", "new"});
  CHECK(choose_cache_entries({}, k_sizes, {}).empty());
}

TEST_CASE("as much stays as the size allows, and a shared layer counts once") {
  CHECK(choose_cache_entries(k_entries, k_sizes, {.keep = 100}).empty());
  CHECK(choose_cache_entries(k_entries, k_sizes, {.keep = 99}) == Keys{"shares", "old"});
  CHECK(choose_cache_entries(k_entries, k_sizes, {.keep = 50}) == Keys{"shares", "old", "second"});
  CHECK(choose_cache_entries(k_entries, k_sizes, {.keep = 0}).size() == 5);
}

TEST_CASE("what must go is counted from the other side") {
  CHECK(choose_cache_entries(k_entries, k_sizes, {.free = 0}).empty());
  CHECK(choose_cache_entries(k_entries, k_sizes, {.free = 1}) == Keys{"shares", "old"});
  CHECK(choose_cache_entries(k_entries, k_sizes, {.free = 1'000'000}).size() == 5);
  CHECK(choose_cache_entries(k_entries, k_sizes, {.keep = 50, .free = 1}).size() == 3);
}

TEST_CASE("what was used lately stays, whatever the size") {
  CHECK(choose_cache_entries(k_entries, k_sizes, {.used_since = 200}) == Keys{"shares", "old"});
  CHECK(choose_cache_entries(k_entries, k_sizes, {.used_since = 200, .keep = 0}) == Keys{"shares", "old"});
  CHECK(choose_cache_entries(k_entries, k_sizes, {.used_since = 0}).empty());
}

#include "tests/faults/faulty_store.hpp"

#include <time.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/setting.hpp"
#include "tests/support/store_check.hpp"

namespace ecrin::tests {
namespace {

constexpr std::size_t k_counts_size = 4096;
constexpr std::size_t k_traced_size = 8u << 20;

}  // namespace

FaultyStore::FaultyStore()
    : m_counts(m_ecrin.scratch() / "counts"),
      m_shadow(m_ecrin.scratch() / "shadow"),
      m_boot_id(m_ecrin.scratch() / "boot_id") {
  make_directory(m_shadow);
}

// A new file each time: a process of the last command that still lives counts in the old one.
void FaultyStore::begin_counts() const {
  std::filesystem::remove(m_counts);
  write_file(m_counts, "");
  std::filesystem::resize_file(m_counts, m_traces ? k_traced_size : k_counts_size);
}

Outcome FaultyStore::run_with(Invocation invocation, const std::string& fault) {
  begin_counts();
  invocation.argv.at(0) = setting().faults;
  invocation.set("ECRIN_FAULT_COUNTS", m_counts).set("ECRIN_FAULT", fault);
  if (m_traces) {
    invocation.set("ECRIN_FAULT_TRACE", "1")
        .set("ECRIN_FAULT_SHADOW", m_shadow)
        .set("ECRIN_FAULT_BOOT_ID", m_boot_id);
  }
  return run(invocation);
}

CallCounts FaultyStore::counts() const {
  const std::string bytes = read_file(m_counts);
  CallCounts counts;
  static_assert(sizeof counts == 4 * sizeof(std::uint64_t));
  std::memcpy(&counts, bytes.data(), sizeof counts);
  return counts;
}

void FaultyStore::trace_power_cuts() {
  m_traces = true;
  sync_all();
}

void FaultyStore::sync_all() {
  // A tick before and after, so that what changes later has a later time.
  const auto tick = std::chrono::milliseconds(12);
  std::this_thread::sleep_for(tick);
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  m_synced_at = now.tv_sec * 1'000'000'000LL + now.tv_nsec;
  std::this_thread::sleep_for(tick);
  for (const char* suffix : {"", "-wal"}) {
    const std::string name = std::string("/db.sqlite") + suffix;
    std::filesystem::remove(m_shadow + name);
    if (exists(m_ecrin.root() + name)) std::filesystem::copy_file(m_ecrin.root() + name, m_shadow + name);
  }
  write_file(m_boot_id, "boot-" + std::to_string(++m_boots) + "\n");
}

void FaultyStore::cut_power(bool keeps_names, bool old_database) {
  const std::string trace = m_ecrin.scratch() / "trace";
  const std::string bytes = read_file(m_counts);
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data() + sizeof(CallCounts), sizeof size);
  REQUIRE(size <= k_traced_size - k_counts_size);
  write_file(trace, "F " + std::to_string(m_synced_at) + "\n" + bytes.substr(k_counts_size, size));
  const Outcome cut = check_store({"power-cut", m_ecrin.root(), trace, m_shadow,
                                   keeps_names ? "names" : "no-names", old_database ? "old" : "new"});
  INFO(cut.description);
  REQUIRE(cut.code == 0);
  write_file(m_boot_id, "boot-" + std::to_string(++m_boots) + "\n");
}

}  // namespace ecrin::tests

#include "run/cgroup/cgroup_freezer.hpp"

#include <chrono>
#include <thread>

#include "base/text.hpp"
#include "run/cgroup/cgroup_files.hpp"

namespace ecrin::run {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds k_patience{10};
constexpr std::chrono::milliseconds k_first_pause{1};
constexpr std::chrono::milliseconds k_longest_pause{20};

std::string file_of(const Freezer& freezer) {
  return freezer.directory + (freezer.kind == Freezer::Kind::version1 ? "/freezer.state" : "/cgroup.freeze");
}

Result<> check(const Freezer& freezer) {
  if (freezer.kind == Freezer::Kind::none)
    return fail(ErrorKind::unsupported, "the container has no cgroup that could be frozen");
  if (!has_cgroup_file(file_of(freezer)))
    return fail(ErrorKind::unsupported, "the cgroup {} cannot be frozen: it has no {}",
                printable(freezer.directory),
                freezer.kind == Freezer::Kind::version1 ? "freezer.state" : "cgroup.freeze (Linux 5.2)");
  return {};
}

Result<> ask(const Freezer& freezer, bool frozen) {
  if (freezer.kind == Freezer::Kind::version1)
    return write_cgroup_file(file_of(freezer), frozen ? "FROZEN" : "THAWED");
  return write_cgroup_file(file_of(freezer), frozen ? "1" : "0");
}

// Has the kernel done what was asked for?
Result<bool> is_done(const Freezer& freezer, bool frozen) {
  if (freezer.kind == Freezer::Kind::version1)
    return trim(TRY(read_cgroup_file(file_of(freezer)))) == (frozen ? "FROZEN" : "THAWED");
  const auto events = read_cgroup_numbers(freezer.directory + "/cgroup.events");
  const auto state = events.find("frozen");
  // The cgroup is gone, or the kernel does not tell.
  if (state == events.end())
    return fail(ErrorKind::not_found, "the cgroup {} is gone", printable(freezer.directory));
  return (state->second != 0) == frozen;
}

}  // namespace

Result<> freeze(const Freezer& freezer) {
  TRY(check(freezer));
  TRY(ask(freezer, true));
  const auto end = Clock::now() + k_patience;
  for (auto pause = k_first_pause; !TRY(is_done(freezer, true));
       pause = std::min(2 * pause, k_longest_pause)) {
    if (Clock::now() > end) {
      (void)ask(freezer, false);
      return fail(ErrorKind::limit, "the processes of {} cannot be stopped: some do not leave the kernel",
                  printable(freezer.directory));
    }
    std::this_thread::sleep_for(pause);
    // Version 1 may miss processes that were made meanwhile.
    if (freezer.kind == Freezer::Kind::version1) TRY(ask(freezer, true));
  }
  return {};
}

Result<> thaw(const Freezer& freezer) {
  TRY(check(freezer));
  return ask(freezer, false);
}

Result<bool> is_frozen(const Freezer& freezer) {
  TRY(check(freezer));
  const std::string state{trim(TRY(read_cgroup_file(file_of(freezer))))};
  // Also one that is about to be.
  return freezer.kind == Freezer::Kind::version1 ? state != "THAWED" : state == "1";
}

}  // namespace ecrin::run

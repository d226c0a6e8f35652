#include "tests/support/store_check.hpp"

#include <chrono>
#include <thread>

#include "tests/support/setting.hpp"

namespace ecrin::tests {
namespace {

std::string look(const Ecrin& ecrin, Expect expect) {
  Arguments words = {"check", ecrin.root(), ecrin.scratch() / "reference"};
  if (expect == Expect::after_prune) words.push_back("pruned");
  const Outcome outcome = check_store(std::move(words));
  return outcome.code == 0 ? outcome.out : outcome.description;
}

}  // namespace

Outcome check_store(Arguments words) {
  words.insert(words.begin(), {"/usr/bin/python3", "-B", setting().source + "/tests/support/store_check.py"});
  return run_with_all_ids(std::move(words));
}

std::string store_problems(const Ecrin& ecrin, Expect expect) {
  std::string found = look(ecrin, expect);
  for (int tries = 0; tries < 30 && !found.empty(); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (expect == Expect::after_prune) ecrin({"prune", "-f"});
    found = look(ecrin, expect);
  }
  return found;
}

}  // namespace ecrin::tests

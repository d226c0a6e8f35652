#include "cli/containers/update_request.hpp"

#include <algorithm>

#include "cli/containers/stored_request.hpp"
#include "cli/resource_flags.hpp"

namespace ecrin::cli {
namespace {

constexpr std::int64_t k_no_reservation = 1;  // less than a page; 0 is nothing said
constexpr std::uint64_t k_usual_shares = 1024;

bool is_flag(std::string_view word, std::string_view name) {
  return word.starts_with("--") && word.substr(2).starts_with(name) &&
         word.substr(2 + name.size()).starts_with('=');
}

// Where the operands begin.
auto end_of_flags(auto& words) {
  return words.begin() + static_cast<std::ptrdiff_t>(count_flag_words(words));
}

void erase_flag(std::vector<std::string>& words, std::string_view name) {
  const auto end = end_of_flags(words);
  words.erase(std::remove_if(words.begin(), end, [&](const auto& word) { return is_flag(word, name); }), end);
}

}  // namespace

std::vector<Flag> update_flags() {
  std::vector<Flag> flags = resource_flags();
  flags.push_back({.name = "restart",
                   .value = "POLICY",
                   .help = "start it again: no, on-failure[:N], always or unless-stopped"});
  return flags;
}

std::vector<std::string> updated_words(const std::vector<std::string>& words, const Arguments& update) {
  std::vector<std::string> result = words;
  for (const Flag& flag : update_flags()) {
    const auto value = update.find(flag.name);
    if (!value) continue;
    erase_flag(result, flag.name);
    if (flag.name == "cpus") {
      erase_flag(result, "cpu-quota");
      erase_flag(result, "cpu-period");
    }
    if (flag.name == "cpu-quota") erase_flag(result, "cpus");
  }
  for (const Flag& flag : update_flags())
    if (const auto value = update.find(flag.name))
      result.insert(end_of_flags(result), fmt::format("--{}={}", flag.name, *value));
  return result;
}

std::vector<std::string> limit_words(const std::vector<std::string>& words) {
  const std::vector<Flag> flags = resource_flags();
  std::vector<std::string> limits;
  std::copy_if(words.begin(), end_of_flags(words), std::back_inserter(limits), [&](const std::string& word) {
    return std::ranges::any_of(flags, [&](const Flag& flag) { return is_flag(word, flag.name); });
  });
  return limits;
}

Result<LimitChange> parse_limit_change(const std::vector<std::string>& words) {
  static const Verb limits{
      .name = "update", .operands = "", .summary = "", .details = "", .flags = resource_flags()};
  const Arguments arguments = TRY(parse_arguments(limits, words));
  LimitChange result;
  result.all = TRY(parse_resources(arguments));
  result.change = result.all;
  oci::MemoryResources& memory = result.change.memory;
  oci::CpuResources& cpu = result.change.cpu;
  if (arguments.has("memory") && !memory.limit) memory.limit = oci::k_unlimited;
  if (arguments.has("memory-reservation") && !memory.reservation) memory.reservation = k_no_reservation;
  if ((arguments.has("cpus") || arguments.has("cpu-quota")) && !cpu.quota) cpu.quota = oci::k_unlimited;
  if (arguments.has("cpu-shares") && !cpu.shares) cpu.shares = k_usual_shares;
  if (arguments.has("pids-limit") && !result.change.pids) result.change.pids = oci::k_unlimited;
  return result;
}

}  // namespace ecrin::cli

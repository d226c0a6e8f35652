#include "run/monitor/restart_policy.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds k_first_delay{100};
constexpr milliseconds k_longest_delay{60'000};
constexpr milliseconds k_ran_well{10'000};
constexpr std::uint64_t k_most_restarts = 1'000'000;

}  // namespace

Result<RestartPolicy> parse_restart_policy(std::string_view text) {
  using Kind = RestartPolicy::Kind;
  if (text.empty() || text == "no" || text == "never") return RestartPolicy{};
  if (text == "always") return RestartPolicy{.kind = Kind::always, .most = {}};
  if (text == "unless-stopped") return RestartPolicy{.kind = Kind::unless_stopped, .most = {}};
  const std::size_t colon = text.find(':');
  if (text.substr(0, colon) == "on-failure") {
    RestartPolicy policy{.kind = Kind::on_failure, .most = {}};
    if (colon == std::string_view::npos) return policy;
    const auto most = parse_unsigned(text.substr(colon + 1), k_most_restarts);
    if (most) {
      // podman and docker: 0 is no limit.
      if (*most > 0) policy.most = static_cast<unsigned>(*most);
      return policy;
    }
  }
  return fail(ErrorKind::invalid, "'{}' is no restart policy: no, on-failure[:N], always or unless-stopped",
              printable(text, 100));
}

std::string to_string(const RestartPolicy& policy) {
  switch (policy.kind) {
    case RestartPolicy::Kind::no:
      return "no";
    case RestartPolicy::Kind::on_failure:
      return policy.most ? fmt::format("on-failure:{}", *policy.most) : "on-failure";
    case RestartPolicy::Kind::always:
      return "always";
    case RestartPolicy::Kind::unless_stopped:
      return "unless-stopped";
  }
  return "no";
}

bool restarts_after(const RestartPolicy& policy, int exit_code, unsigned restarts) {
  switch (policy.kind) {
    case RestartPolicy::Kind::no:
      return false;
    case RestartPolicy::Kind::on_failure:
      return exit_code != 0 && (!policy.most || restarts < *policy.most);
    case RestartPolicy::Kind::always:
    case RestartPolicy::Kind::unless_stopped:
      return true;
  }
  return false;
}

milliseconds restart_delay(milliseconds last_delay, milliseconds ran_for) {
  if (last_delay <= milliseconds(0) || ran_for >= k_ran_well) return k_first_delay;
  return std::min(last_delay * 2, k_longest_delay);
}

}  // namespace ecrin::run

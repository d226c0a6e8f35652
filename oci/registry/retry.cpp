#include "oci/registry/retry.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <thread>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr std::chrono::milliseconds k_look_at_cancel{50};

Result<> sleep_for(std::chrono::milliseconds time, const CancelToken* cancel) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  for (;;) {
    if (cancel) TRY(cancel->check());
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return {};
    std::this_thread::sleep_for(std::min(left, k_look_at_cancel));
  }
}

double random_fraction() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

// "Sun, 06 Nov 1994 08:49:37 GMT", the one form of a date that servers may still write (RFC 9110, 5.6.7).
std::optional<std::int64_t> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> k_months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || !text.ends_with(" GMT") || text.substr(3, 2) != ", ") return std::nullopt;
  const auto month = std::find(k_months.begin(), k_months.end(), text.substr(8, 3));
  if (month == k_months.end()) return std::nullopt;
  const Result<std::int64_t> time =
      parse_time(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month - k_months.begin() + 1,
                             text.substr(5, 2), text.substr(17, 8)));
  return time ? std::optional(*time) : std::nullopt;
}

}  // namespace

Clock system_clock() {
  return {.now =
              [] {
                return std::chrono::duration_cast<std::chrono::seconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                    .count();
              },
          .sleep = sleep_for,
          .random = random_fraction};
}

bool is_transient(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

bool is_transient(const Error& error) {
  return error.kind() == ErrorKind::network;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::int64_t now) {
  value = trim(value);
  if (const Result<std::uint64_t> seconds = parse_unsigned(value, 1u << 30))
    return std::chrono::seconds(static_cast<std::int64_t>(*seconds));
  if (const auto date = parse_http_date(value))
    return std::chrono::seconds(std::max<std::int64_t>(0, *date - now));
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> wait_before_retry(const RetryPolicy& policy, int attempts,
                                                           std::optional<std::chrono::seconds> retry_after,
                                                           double random) {
  if (attempts >= policy.attempts) return std::nullopt;
  if (retry_after && *retry_after > policy.longest_retry_after) return std::nullopt;
  std::chrono::milliseconds wait = policy.first;
  for (int i = 1; i < attempts && wait < policy.longest; ++i) wait *= 2;
  wait = std::min(wait, policy.longest);
  wait = wait / 2 +
         std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(wait.count()) / 2 * random));
  if (retry_after) wait = std::max<std::chrono::milliseconds>(wait, *retry_after);
  return wait;
}

}  // namespace ecrin::oci

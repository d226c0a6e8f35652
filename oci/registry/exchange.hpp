// One request and its answer, tried again when that can help; and what a registry's refusal means in words.
#pragma once

#include <functional>
#include <string>

#include "oci/registry/http.hpp"
#include "oci/registry/retry.hpp"

namespace ecrin::oci {

/// How a client deals with the world: shared by all that it sends.
struct ExchangeSettings {
  RetryPolicy retry;
  Clock clock = system_clock();
};

inline constexpr std::uint64_t k_error_body_limit = 64 * 1024;

/// Calls `attempt` until its answer is not a passing one (retry.hpp). The last answer comes back also when it
/// is still a 429 or 5xx: the caller says what failed. `passing` says which errors may go away.
Result<HttpResponse> send_with_retry(
    const ExchangeSettings& settings, const std::function<Result<HttpResponse>()>& attempt,
    const CancelToken* cancel, const std::function<bool(const Error&)>& passing = [](const Error& error) {
      return is_transient(error);
    });

/// Reads the body now, so that a cut in it is an error of the attempt: at most `limit` bytes of a 2xx answer,
/// and no more than k_error_body_limit of any other (the rest of that is dropped). `what` names it.
Result<std::string> read_body(HttpResponse& response, std::uint64_t limit, std::string_view what);
/// The same, with the bytes back in place.
Result<HttpResponse> with_body(HttpResponse response, std::uint64_t limit, std::string_view what);

/// What was asked of whom, for the error of an answer that is no success.
struct Asked {
  std::string action;      // "cannot read the manifest of 'host/name:tag'"
  std::string registry;    // "docker.io"
  std::string repository;  // "library/debian"; "" = none
};
/// The registry's own codes and messages (at most a few, escaped), the kind by the status, and a hint.
Error refusal(HttpResponse& response, const Asked& asked);
/// The same for an answer whose body was read already.
Error refusal(int status, const std::string& body, const std::string& retry_after, const Asked& asked);

}  // namespace ecrin::oci

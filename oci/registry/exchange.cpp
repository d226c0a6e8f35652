#include "oci/registry/exchange.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_shown_errors = 3;
constexpr std::size_t k_shown_text = 400;

// As much as comes, at most `limit` bytes; an error of the connection ends it like its end. For texts that
// only explain.
std::string read_some(Source& source, std::uint64_t limit) {
  std::string text;
  std::array<std::byte, 4096> block;
  while (text.size() < limit) {
    const Result<std::size_t> count =
        source.read(std::span(block).first(std::min<std::size_t>(block.size(), limit - text.size())));
    if (!count || *count == 0) break;
    text.append(reinterpret_cast<const char*>(block.data()), *count);
  }
  return text;
}

bool is_success(int status) {
  return status >= 200 && status < 300;
}

std::string member(const Json& object, const char* key) {
  const auto text = json_string(object, key, "error");
  return text && *text ? **text : "";
}

// {"errors": [{"code": "NAME_UNKNOWN", "message": "..."}]} of the distribution-spec; {"details": ...} and
// {"error": ...} are what token services write.
std::string explanation(const std::string& body) {
  const Result<Json> json = parse_json(body, "error");
  if (!json || !json->is_object()) return "";
  std::vector<std::string> texts;
  const Result<const Json*> errors = json_array(*json, "errors", "error");
  if (errors && *errors) {
    for (const Json& error : **errors) {
      if (!error.is_object() || texts.size() == k_shown_errors) break;
      std::string code = to_lower(member(error, "code"));
      std::replace(code.begin(), code.end(), '_', ' ');
      const std::string message = member(error, "message");
      if (code.empty() || message.empty())
        texts.push_back(code + message);
      else
        texts.push_back(fmt::format("{} ({})", message, code));
    }
  }
  for (const char* key : {"details", "error_description", "error", "message"})
    if (texts.empty() && !member(*json, key).empty()) texts.push_back(member(*json, key));
  return printable(join(texts, ", "), k_shown_text);
}

// Some registries say with a plain 400 that they do not do such things.
bool says_unsupported(const std::string& body) {
  const Result<Json> json = parse_json(body, "error");
  if (!json || !json->is_object()) return false;
  const Result<const Json*> errors = json_array(*json, "errors", "error");
  return errors && *errors && std::any_of((*errors)->begin(), (*errors)->end(), [](const Json& error) {
           return error.is_object() && member(error, "code") == "UNSUPPORTED";
         });
}

ErrorKind kind_of(int status) {
  if (status == 401 || status == 403) return ErrorKind::denied;
  if (status == 404 || status == 410) return ErrorKind::not_found;
  if (status == 405 || status == 415) return ErrorKind::unsupported;
  if (status == 413) return ErrorKind::limit;
  if (status == 409) return ErrorKind::conflict;
  if (is_transient(status)) return ErrorKind::network;
  return status >= 400 && status < 500 ? ErrorKind::invalid : ErrorKind::network;
}

std::string hint_of(int status, const Asked& asked) {
  const std::string name =
      asked.repository.empty() ? asked.registry : asked.registry + "/" + asked.repository;
  switch (status) {
    case 401:
      return fmt::format("log in with 'ecrin login {}'", asked.registry);
    case 403:
      return fmt::format("ask the owner of {} for access, or log in as another user with 'ecrin login {}'",
                         name, asked.registry);
    case 404:
      return fmt::format("look for mistakes in '{}'; a private image needs 'ecrin login {}'", name,
                         asked.registry);
    case 413:
      return fmt::format(
          "the limit is set at {} or at a proxy before it: make the layer smaller, or raise it",
          asked.registry);
    case 429:
      return fmt::format("try again later, or log in for a higher limit with 'ecrin login {}'",
                         asked.registry);
    default:
      return is_transient(status) ? "try again later" : "";
  }
}

std::string_view name_of(int status) {
  switch (status) {
    case 400:
      return "bad request";
    case 401:
      return "authentication is required";
    case 403:
      return "access is denied";
    case 404:
      return "not found";
    case 405:
      return "not supported by this registry";
    case 413:
      return "too large";
    case 429:
      return "too many requests";
    case 500:
      return "internal error of the server";
    case 502:
      return "bad gateway";
    case 503:
      return "not available now";
    case 504:
      return "gateway time-out";
    default:
      return "";
  }
}

}  // namespace

Result<HttpResponse> send_with_retry(const ExchangeSettings& settings,
                                     const std::function<Result<HttpResponse>()>& attempt,
                                     const CancelToken* cancel,
                                     const std::function<bool(const Error&)>& passing) {
  for (int attempts = 1;; ++attempts) {
    if (cancel) TRY(cancel->check());
    Result<HttpResponse> response = attempt();
    if (response ? !is_transient(response->status) : !passing(response.error())) return response;
    std::optional<std::chrono::seconds> retry_after;
    if (response) retry_after = parse_retry_after(response->header("Retry-After"), settings.clock.now());
    const auto wait = wait_before_retry(settings.retry, attempts, retry_after, settings.clock.random());
    if (!wait) return response;
    log::debug("trying again in {} ms: {}", wait->count(),
               response ? fmt::format("status {}", response->status) : response.error().message());
    if (response) response->body.reset();  // its connection is free while we wait
    TRY(settings.clock.sleep(*wait, cancel));
  }
}

Result<std::string> read_body(HttpResponse& response, std::uint64_t limit, std::string_view what) {
  if (!response.body) return std::string();
  if (!is_success(response.status)) return read_some(*response.body, k_error_body_limit);
  Result<std::string> bytes = read_all(*response.body, limit);
  if (!bytes && bytes.error().kind() == ErrorKind::limit)
    return fail(ErrorKind::limit, "{} has more than the {} bytes allowed", what, limit);
  return bytes;
}

Result<HttpResponse> with_body(HttpResponse response, std::uint64_t limit, std::string_view what) {
  std::string bytes = TRY(read_body(response, limit, what));
  response.body = std::make_unique<MemorySource>(std::move(bytes));
  return response;
}

Error refusal(HttpResponse& response, const Asked& asked) {
  const std::string body = response.body ? read_some(*response.body, k_error_body_limit) : "";
  return refusal(response.status, body, response.header("Retry-After"), asked);
}

Error refusal(int status, const std::string& body, const std::string& retry_after, const Asked& asked) {
  std::string why = explanation(body);
  if (why.empty()) why = name_of(status);
  std::string text = fmt::format("{}: status {}", asked.action, status);
  if (!why.empty()) text += ", " + why;
  if (!retry_after.empty()) text += fmt::format(", and asks to wait ({})", printable(retry_after, 40));
  Error error(status == 400 && says_unsupported(body) ? ErrorKind::unsupported : kind_of(status),
              std::move(text));
  const std::string hint = hint_of(status, asked);
  return hint.empty() ? error : std::move(error).hint(hint);
}

}  // namespace ecrin::oci

// A registry that answers anything: the input is its answers, one after the other, to each verb that we have.
// What is accepted has the digest that was asked for, credentials go to nobody else, and the number of
// requests is bounded.
#include <algorithm>

#include "oci/registry/client.hpp"
#include "oci/registry/url.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using ecrin::fuzz::require;

namespace {

constexpr std::string_view k_own = "https://registry.test";
constexpr std::string_view k_password = "the password";
constexpr std::size_t k_requests_beyond = 400;  // the number of answers that there are

// An answer of the input is "STATUS\nHeader: value\n...\n\nBODY" up to a line of one dot; at the end it is
// 404.
class Answers final : public HttpTransport {
public:
  explicit Answers(std::string_view text) : m_rest(text), m_left(text.size() + k_requests_beyond) {}

  Result<HttpResponse> send(const HttpRequest& request, const CancelToken*) override {
    require(m_left-- > 0);
    const auto url = parse_url(request.url);
    require(url.has_value());
    for (const HttpHeader& header : request.headers) {
      require(header.name.find_first_of("\r\n") == std::string::npos &&
              header.value.find_first_of("\r\n") == std::string::npos);
      // Basic goes to the registry, and to the token service that it names; never without encryption.
      if (header.value.starts_with("Basic ")) require(url->scheme == "https");
      if (header.value.starts_with("Bearer "))
        require(url->same_origin(parse_url(std::string(k_own)).value()));
    }
    if (request.body != nullptr) (void)copy_stream(*request.body, m_sent);
    return next();
  }

private:
  HttpResponse next() {
    HttpResponse response{.status = 404, .headers = {}, .body = nullptr};
    std::string body;
    if (!m_rest.empty()) {
      int status = 0;
      for (const char c : fuzz::take_line(m_rest).substr(0, 3)) status = status * 10 + (c - '0');
      response.status = std::clamp(status, 200, 599);
      while (!m_rest.empty()) {
        const std::string_view line = fuzz::take_line(m_rest);
        if (line.empty()) break;
        const std::size_t colon = std::min(line.find(':'), line.size());
        response.headers.push_back(
            {std::string(line.substr(0, colon)), std::string(line.substr(std::min(colon + 1, line.size())))});
        std::string& value = response.headers.back().value;
        value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
      }
      while (!m_rest.empty()) {
        const std::string_view line = fuzz::take_line(m_rest);
        if (line == ".") break;
        body.append(line);
        if (!m_rest.empty()) body += '\n';
      }
    }
    response.body = std::make_unique<MemorySource>(std::move(body));
    return response;
  }

  std::string_view m_rest;
  NullSink m_sent;
  std::size_t m_left;
};

std::string_view authority_of(std::string_view url) {
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  return url.substr(0, url.find_first_of("/?#"));
}

Result<std::optional<Credentials>> credentials(const std::string& registry, const std::string&) {
  require(registry == "registry.test");
  return Credentials{.username = "user", .password = Secret(k_password), .identity_token = {}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  const std::string_view verb = fuzz::take_line(text);
  Answers answers(text);
  const Clock clock{.now = [] { return std::int64_t{1000}; },
                    .sleep = [](std::chrono::milliseconds, const CancelToken*) -> Result<> { return {}; },
                    .random = [] { return 0.5; }};
  const ExchangeSettings settings{.retry = {}, .clock = clock};
  RegistryClient client(answers, {.url = std::string(k_own), .registry = "registry.test", .tls = {}},
                        "team/app", credentials, settings);
  const Digest digest = Digest::of("{}");
  if (verb == "manifest") {
    if (const auto manifest = client.get_manifest({"", digest}, nullptr))
      require(manifest->digest == digest && Digest::of(manifest->bytes) == digest);
    if (const auto manifest = client.get_manifest({"latest", std::nullopt}, nullptr))
      require(Digest::of(manifest->bytes) == manifest->digest && manifest->bytes.size() <= k_manifest_limit);
    (void)client.head_manifest({"latest", std::nullopt}, nullptr);
  } else if (verb == "lists") {
    (void)client.list_tags(nullptr);
    (void)client.list_referrers(digest, "", nullptr);
  } else if (verb == "blob") {
    if (const auto blob = client.open_blob(digest, 5, 0, nullptr)) {
      const auto bytes = read_all(**blob, 100);
      require(!bytes || bytes->size() == 5);
    }
    (void)client.has_blob(digest, nullptr);
  } else if (verb == "upload") {
    (void)client.mount_blob(digest, "team/base", nullptr);
    const BlobOpener open = [](std::uint64_t offset) -> Result<std::unique_ptr<Source>> {
      require(offset <= 2);
      return std::make_unique<MemorySource>(std::string("{}").substr(offset));
    };
    (void)client.upload_blob(digest, 2, open, nullptr);
    (void)client.put_manifest({.bytes = "{}", .media_type = "a/b", .digest = digest},
                              {"latest", std::nullopt}, nullptr);
    (void)client.delete_manifest({"latest", std::nullopt}, nullptr);
  } else {
    // Parts of an answer by themselves.
    const Url own = parse_url(std::string(k_own) + "/v2/").value();
    if (const auto url = resolve_url(own, std::string(text)))
      require(url->scheme == "http" || url->scheme == "https");
    if (const auto url = parse_url(std::string(text))) {
      const auto again = parse_url(url->text);
      require(again && again->same_origin(*url));
      require(!authority_of(without_credentials(url->text)).contains('@'));
    }
    if (const auto wait = parse_retry_after(text, 1000)) require(wait->count() >= 0);
    (void)is_proxy_url(std::string(text));
    (void)display_url(std::string(text));
  }
  return 0;
}

#include "build/fetch.hpp"

#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/pattern.hpp"
#include "oci/registry/fetch.hpp"
#include "recipes/source_kind.hpp"

namespace ecrin::build {

bool is_url(std::string_view source) {
  return recipes::is_web_url(source);
}

std::string url_file_name(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const std::size_t host = url.find("://") + 3;
  const std::size_t path = url.find('/', host);
  if (path == std::string_view::npos) return "";
  const std::string name = decode_percent(base_name(url.substr(path + 1)));
  // What an escape hides is no path.
  const bool is_name = name.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
  return is_name && name != "." && name != ".." ? name : "";
}

Result<GitOptions> git_options(Session& session) {
  GitOptions options{.search_path = session.workshop.options().search_path,
                     .environment = session.options.proxy_environment,
                     .home = session.options.home};
  // The agent that --ssh gives wins over the one of the surroundings.
  constexpr const char* k_agent = "default";
  if (session.ssh_agents.has(k_agent)) {
    options.environment["SSH_AUTH_SOCK"] = TRY(session.ssh_agents.socket(k_agent));
    return options;
  }
  if (!session.options.ssh_agent.empty()) options.environment["SSH_AUTH_SOCK"] = session.options.ssh_agent;
  return options;
}

namespace {

struct Checksum {
  HashAlgorithm algorithm = HashAlgorithm::sha256;
  std::string_view name = "SHA-256";
  std::string hex;  // "" = any
};

Result<Checksum> parse_checksum(const std::string& text) {
  if (text.empty()) return Checksum{};
  Checksum checksum;
  if (text.starts_with("sha512:")) {
    checksum = {HashAlgorithm::sha512, "SHA-512", ""};
  } else if (!text.starts_with("sha256:")) {
    return fail(ErrorKind::unsupported, "cannot check '{}': sha256 and sha512 checksums are known",
                printable(text));
  }
  checksum.hex = to_lower(text.substr(7));
  const std::size_t size = checksum.algorithm == HashAlgorithm::sha512 ? 128 : 64;
  if (checksum.hex.size() != size ||
      checksum.hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return fail(ErrorKind::invalid, "'{}' is no checksum: {} hexadecimal digits are needed", printable(text),
                size);
  }
  return checksum;
}

}  // namespace

Result<FetchedFile> fetch_to_store(Session& session, const std::string& url, const std::string& checksum,
                                   const CancelToken& cancel) {
  const Checksum wanted = TRY(parse_checksum(checksum));
  const std::string name = "fetch-" + Store::unique_name();
  auto temporary = std::make_shared<Fd>(TRY(session.workshop.store().temporary()));
  // Also for a download that fails half way.
  std::shared_ptr<const void> remover(nullptr, [temporary, name](const void*) {
    if (auto removed = posix::unlink_at(*temporary, name); !removed)
      log::debug("{}", removed.error().message());
  });
  Fd file = TRY(posix::open_at(*temporary, name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  FdSink to_file(file);
  BufferedSink buffered(to_file);
  HashingSink second(&buffered, HashAlgorithm::sha512);
  const bool needs_both = wanted.algorithm != HashAlgorithm::sha256;
  HashingSink hash(needs_both ? static_cast<Sink*>(&second) : &buffered);
  oci::FetchOptions options;
  options.transport.proxies = session.options.proxy_environment;
  TRY(oci::fetch_url(url, hash, options, &cancel));
  TRY(hash.finish());
  TRY(file.close());
  FetchedFile fetched{session.workshop.store().temporary_path() + "/" + name, hash.finish_hex(),
                      std::move(remover)};
  const std::string found = needs_both ? second.finish_hex() : fetched.sha256;
  if (!wanted.hex.empty() && found != wanted.hex) {
    return fail(ErrorKind::invalid, "'{}' has the {} {}, but the recipe says {}", printable(url), wanted.name,
                found, wanted.hex);
  }
  return fetched;
}

}  // namespace ecrin::build

#include "build/fetch.hpp"

#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/pattern.hpp"
#include "oci/registry/fetch.hpp"

namespace ecrin::build {

bool is_url(std::string_view source) {
  return source.starts_with("http://") || source.starts_with("https://");
}

std::string url_file_name(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const std::size_t host = url.find("://") + 3;
  const std::size_t path = url.find('/', host);
  return path == std::string_view::npos ? "" : base_name(url.substr(path + 1));
}

Result<FetchedFile> fetch_to_store(Session& session, const std::string& url, const std::string& sha256,
                                   const CancelToken& cancel) {
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
  HashingSink hash(&buffered);
  oci::FetchOptions options;
  options.transport.proxies = session.options.proxy_environment;
  TRY(oci::fetch_url(url, hash, options, &cancel));
  TRY(hash.finish());
  TRY(file.close());
  FetchedFile fetched{session.workshop.store().temporary_path() + "/" + name, hash.finish_hex(),
                      std::move(remover)};
  if (!sha256.empty() && fetched.sha256 != sha256) {
    return fail(ErrorKind::invalid, "'{}' has the SHA-256 {}, but the recipe says {}", printable(url),
                fetched.sha256, sha256);
  }
  return fetched;
}

}  // namespace ecrin::build

#include "oci/registry/fetch.hpp"

#include "oci/registry/redirect.hpp"

namespace ecrin::oci {

Result<> fetch_url(const std::string& url, Sink& sink, const FetchOptions& options,
                   const CancelToken* cancel) {
  if (cancel) TRY(cancel->check());
  const auto transport = make_transport(options.transport);
  HttpRequest request;
  request.url = url;
  request.connect_seconds = options.connect_timeout_seconds;
  request.stall_seconds = options.stall_seconds;
  const FollowedResponse followed = TRY(send_following(*transport, request, {}, cancel));
  const std::string display = display_url(followed.url);
  const int status = followed.response.status;
  if (status != 200) {
    return fail(status == 404 || status == 410 ? ErrorKind::not_found : ErrorKind::network,
                "cannot fetch '{}': the server answers with status {}", display, status);
  }
  std::uint64_t left = options.limit;
  std::vector<std::byte> buffer(256 * 1024);
  for (;;) {
    const std::size_t size = TRY(followed.response.body->read(buffer));
    if (size == 0) return {};
    if (size > left)
      return fail(ErrorKind::limit, "'{}' has more than the {} bytes allowed", display, options.limit);
    left -= size;
    TRY_WHILE(sink.write(std::span<const std::byte>(buffer).first(size)), "fetching '{}'", display);
  }
}

}  // namespace ecrin::oci

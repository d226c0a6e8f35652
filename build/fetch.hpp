// Downloads of a build, into the store's temporary directory.
#pragma once

#include <string>
#include <string_view>

#include "build/session.hpp"

namespace ecrin::build {

bool is_url(std::string_view source);
/// The last part of the URL's path, "" when there is none.
std::string url_file_name(std::string_view url);
/// `sha256` (hex, "" = any) is checked before the file is given out.
Result<FetchedFile> fetch_to_store(Session& session, const std::string& url, const std::string& sha256,
                                   const CancelToken& cancel);

}  // namespace ecrin::build

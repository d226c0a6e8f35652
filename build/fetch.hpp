// Downloads of a build, into the store's temporary directory.
#pragma once

#include <string>
#include <string_view>

#include "build/git_fetch.hpp"
#include "build/session.hpp"

namespace ecrin::build {

bool is_url(std::string_view source);
/// The last part of the URL's path without its escapes, "" when there is none. As docker has it, the server
/// has no say in it.
std::string url_file_name(std::string_view url);
/// `checksum` ("sha256:HEX" or "sha512:HEX", "" = any) is checked before the file is given out.
Result<FetchedFile> fetch_to_store(Session& session, const std::string& url, const std::string& checksum,
                                   const CancelToken& cancel);
/// How this build runs git.
Result<GitOptions> git_options(Session& session);

}  // namespace ecrin::build

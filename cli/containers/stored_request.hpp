// A container's request as it is kept in the table: all that it takes to start the container again, however
// the user's environment and working directory are by then. It is kept as the words of `ecrin run`, with what
// depends on the surroundings resolved, and with the image's configuration.
#pragma once

#include <string>
#include <vector>

#include "cli/container_request.hpp"
#include "oci/image_config.hpp"

namespace ecrin::cli {

struct StoredRequest {
  std::vector<std::string> words;     // of `ecrin run`, operands at the end
  ContainerRequest request;           // what they say
  oci::ImageConfig image;             // without history
  std::vector<std::string> networks;  // as --network has them, without options
};

/// Paths become absolute, variables get their values; what is said once (--name, --detach, --pull ...) is
/// left out.
Result<std::vector<std::string>> lasting_words(const Arguments& arguments, const ContainerRequest& request);

/// How many of them are flags, which are one word each; the operands follow.
std::size_t count_flag_words(const std::vector<std::string>& words);

std::string encode_request(const std::vector<std::string>& words, const oci::ImageConfig& image);
Result<StoredRequest> decode_request(const std::string& text);

}  // namespace ecrin::cli

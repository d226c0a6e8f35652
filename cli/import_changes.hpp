// `ecrin import --change`: instructions in Containerfile words that set an image's configuration.
#pragma once

#include <string>

#include "oci/image_config.hpp"

namespace ecrin::cli {

/// "CMD=/bin/sh", "CMD ["/bin/sh","-c"]", "ENV A=b", "LABEL a=b", "EXPOSE 80", "VOLUME /x", "USER u",
/// "WORKDIR /x", "ENTRYPOINT ...", "STOPSIGNAL ...". The instruction and its value are parted by a blank or
/// "=".
Result<> apply_change(oci::ImageConfig& config, const std::string& change);
/// A JSON array of strings, or words for a shell: {"/bin/sh", "-c", text}.
Result<std::vector<std::string>> parse_command(const std::string& text);

}  // namespace ecrin::cli

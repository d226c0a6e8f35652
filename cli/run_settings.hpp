// From the words of `ecrin build` to what its RUN steps get.
#pragma once

#include <string_view>

#include "build/run_settings.hpp"
#include "cli/arguments.hpp"
#include "run/network/network_files.hpp"

namespace ecrin::cli {

/// May it stand in /etc/resolv.conf or /etc/hosts as one word?
bool is_word(std::string_view text);
/// --dns, --dns-search and --dns-option.
Result<run::ResolverSettings> parse_resolver(const Arguments& arguments);
/// "name:address", "name=address", several names "a;b:address"; IPv6 may stand in brackets.
Result<std::vector<std::pair<std::string, std::string>>> parse_add_host(std::string_view text);
/// "nofile=1024", "nofile=1024:2048", "core=-1"
Result<oci::Rlimit> parse_ulimit(std::string_view text);
/// --ulimit and --shm-size.
Result<> read_limits(const Arguments& arguments, build::RunSettings& settings);
/// All flags of `build` about its RUN steps.
Result<build::RunSettings> run_settings(const Arguments& arguments);
std::vector<Flag> run_settings_flags();

}  // namespace ecrin::cli

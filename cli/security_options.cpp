#include "cli/security_options.hpp"

#include <fnmatch.h>
#include <sys/utsname.h>

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "oci/seccomp_profile.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_profile_limit = 4u << 20;

std::unexpected<Error> unknown_option(const std::string& text) {
  return std::unexpected(
      Error(ErrorKind::unsupported, fmt::format("unknown --security-opt '{}'", printable(text, 300)))
          .hint("there are seccomp=FILE or unconfined, no-new-privileges, mask=PATH, unmask=PATH or ALL, "
                "proc-opts=OPTIONS, apparmor=PROFILE and label=disable"));
}

Result<> add_paths(std::vector<std::string>& paths, const std::string& value, const std::string& text) {
  for (const std::string& path : split(value, ':')) {
    if (!path.starts_with('/'))
      return fail(ErrorKind::invalid, "--security-opt '{}': a path in the container begins with '/'",
                  printable(text, 300));
    paths.push_back(path);
  }
  return {};
}

Result<> read_label(SecurityOptions& options, const std::string& value, const std::string& text) {
  if (value == "disable" || value == "nested") return {};
  static constexpr std::string_view k_parts[] = {"user", "role", "type", "level", "filetype"};
  const std::size_t border = value.find(':');
  if (border == std::string::npos || std::ranges::find(k_parts, value.substr(0, border)) == std::end(k_parts))
    return fail(ErrorKind::invalid,
                "--security-opt label is disable, user:, role:, type:, level: or filetype:, not '{}'",
                printable(text, 300));
  options.labels = true;
  return {};
}

Result<> read_option(SecurityOptions& options, const std::string& text) {
  const std::size_t border = text.find_first_of("=:");
  const std::string name = text.substr(0, border);
  const std::string value = border == std::string::npos ? "" : text.substr(border + 1);
  if (name == "no-new-privileges") {
    if (!value.empty() && value != "true" && value != "false") return unknown_option(text);
    options.no_new_privileges = value != "false";
    return {};
  }
  if (value.empty()) return unknown_option(text);
  if (name == "seccomp") {
    options.seccomp =
        value == "unconfined" ? SecurityOptions::Seccomp::unconfined : SecurityOptions::Seccomp::profile;
    options.seccomp_profile = value == "unconfined" ? "" : value;
  } else if (name == "apparmor") {
    options.apparmor = value == "unconfined" ? "" : value;
  } else if (name == "label") {
    TRY(read_label(options, value, text));
  } else if (name == "mask") {
    TRY(add_paths(options.masked, value, text));
  } else if ((name == "unmask" && to_lower(value) == "all") || text == "systempaths=unconfined") {
    options.unmasks_all = true;
  } else if (name == "unmask") {
    TRY(add_paths(options.unmasked, value, text));
  } else if (name == "proc-opts") {
    for (const std::string& option : split(value, ',')) options.proc_options.push_back(option);
  } else {
    return unknown_option(text);
  }
  return {};
}

oci::SeccompFacts seccomp_facts(const oci::RuntimeConfig& config) {
  oci::SeccompFacts facts{.architecture = oci::Platform::host().architecture,
                          .capabilities = config.process.capabilities.bounding};
  utsname system{};
  if (::uname(&system) != 0) return facts;
  const std::vector<std::string> parts = split(system.release, '.');
  facts.kernel = static_cast<unsigned>(parse_unsigned(parts.front(), 1000).value_or(0));
  // "6.1.0-13-amd64", "6.12-rc1"
  if (parts.size() > 1)
    facts.kernel_minor = static_cast<unsigned>(
        parse_unsigned(parts[1].substr(0, parts[1].find_first_not_of("0123456789")), 1000).value_or(0));
  return facts;
}

}  // namespace

Result<SecurityOptions> parse_security_options(const std::vector<std::string>& texts) {
  SecurityOptions options;
  for (const std::string& text : texts) TRY(read_option(options, text));
  return options;
}

void be_privileged(SecurityOptions& options) {
  if (options.seccomp == SecurityOptions::Seccomp::usual)
    options.seccomp = SecurityOptions::Seccomp::unconfined;
  if (options.masked.empty()) options.unmasks_all = true;
  if (!options.no_new_privileges) options.no_new_privileges = false;
}

void apply_security(const SecurityOptions& options, oci::RuntimeConfig& config) {
  config.process.no_new_privileges = options.no_new_privileges.value_or(true);
  config.process.apparmor_profile = options.apparmor;
  if (options.unmasks_all) {
    config.masked_paths.clear();
    config.read_only_paths.clear();
  }
  const auto is_unmasked = [&](const std::string& path) {
    return std::ranges::any_of(options.unmasked, [&](const std::string& pattern) {
      return ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0;
    });
  };
  std::erase_if(config.masked_paths, is_unmasked);
  std::erase_if(config.read_only_paths, is_unmasked);
  config.masked_paths.insert(config.masked_paths.end(), options.masked.begin(), options.masked.end());
  for (oci::RuntimeMount& mount : config.mounts)
    if (mount.type == "proc")
      mount.options.insert(mount.options.end(), options.proc_options.begin(), options.proc_options.end());
}

Result<> choose_seccomp(const SecurityOptions& options, oci::RuntimeConfig& config) {
  if (options.seccomp == SecurityOptions::Seccomp::usual) return {};
  config.default_seccomp = false;
  if (options.seccomp == SecurityOptions::Seccomp::unconfined) return {};
  const std::string& path = options.seccomp_profile;
  const std::string text =
      TRY_WHILE(posix::read_file(path, k_profile_limit), "reading --security-opt seccomp");
  config.seccomp = TRY(oci::parse_seccomp_profile(text, fmt::format("the profile '{}'", printable(path, 300)),
                                                  seccomp_facts(config)));
  return {};
}

}  // namespace ecrin::cli

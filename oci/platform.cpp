#include "oci/platform.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <vector>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

struct Alias {
  std::string_view name;
  std::string_view architecture;
  std::string_view variant;
};
// What uname, Debian and rpm call the machines that Go calls otherwise.
constexpr Alias k_aliases[] = {
    {"x86_64", "amd64", ""},
    {"x86-64", "amd64", ""},
    {"aarch64", "arm64", ""},
    {"armhf", "arm", "v7"},
    {"armel", "arm", "v6"},
    {"armv5l", "arm", "v5"},
    {"armv6l", "arm", "v6"},
    {"armv7l", "arm", "v7"},
    {"armv8l", "arm", "v7"},
    {"i386", "386", ""},
    {"i486", "386", ""},
    {"i586", "386", ""},
    {"i686", "386", ""},
    {"ppc64el", "ppc64le", ""},
    {"powerpc64le", "ppc64le", ""},
    {"mips64el", "mips64le", ""},
    {"loongarch64", "loong64", ""},
};
constexpr std::string_view k_systems[] = {"linux", "windows", "darwin", "freebsd", "netbsd", "openbsd"};

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

void set_architecture(Platform& platform, std::string_view name) {
  for (const Alias& alias : k_aliases) {
    if (alias.name != name) continue;
    platform.architecture = alias.architecture;
    platform.variant = alias.variant;
    return;
  }
  platform.architecture = name;
}

std::string_view implied_variant(std::string_view architecture) {
  if (architecture == "arm64") return "v8";
  if (architecture == "arm") return "v7";
  if (architecture == "amd64") return "v1";
  return "";
}

}  // namespace

Result<Platform> Platform::parse(std::string_view text) {
  const std::vector<std::string> parts = split(text, '/');
  if (parts.size() > 3 || !std::all_of(parts.begin(), parts.end(), is_word))
    return fail(ErrorKind::invalid,
                "invalid platform '{}': expected OS/ARCHITECTURE[/VARIANT], as in linux/arm64",
                printable(text, 200));
  Platform platform;
  if (parts.size() == 1) {
    const std::string word = to_lower(parts[0]);
    if (std::find(std::begin(k_systems), std::end(k_systems), word) != std::end(k_systems)) {
      platform = host();
      platform.os = word;
    } else {
      set_architecture(platform, word);
    }
    return platform;
  }
  platform.os = to_lower(parts[0]);
  if (platform.os == "macos") platform.os = "darwin";
  set_architecture(platform, to_lower(parts[1]));
  if (parts.size() == 3) {
    platform.variant = to_lower(parts[2]);
    if (platform.architecture.starts_with("arm") && platform.variant.size() == 1)
      platform.variant.insert(0, "v");
  }
  return platform;
}

Platform Platform::host() {
  Platform platform;
  struct utsname names = {};
  if (uname(&names) == 0) set_architecture(platform, names.machine);
  return platform;
}

std::string Platform::to_string() const {
  return os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

bool Platform::accepts(const Platform& other) const {
  if (os != other.os || architecture != other.architecture) return false;
  const std::string_view wanted = variant.empty() ? implied_variant(architecture) : variant;
  const std::string_view offered = other.variant.empty() ? implied_variant(architecture) : other.variant;
  if (wanted == offered || wanted.empty() || offered.empty()) return true;
  // v6 code runs on a v7 machine. The names compare as text: there is one digit in all that exist.
  return wanted.size() == offered.size() && wanted.starts_with('v') && offered < wanted;
}

}  // namespace ecrin::oci

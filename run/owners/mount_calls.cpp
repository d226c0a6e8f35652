// Mounts that name an owner which the user namespace has not: the files in them belong to root instead. The
// words are changed where the caller has them, to others of the same length.
#include <linux/mount.h>

#include <cctype>

#include "run/owners/call_context.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_keys[] = {"uid=", "gid="};

// "mode=620,gid=5" becomes "mode=620,gid=0".
bool make_roots(std::string& options) {
  bool changed = false;
  for (std::size_t start = 0; start < options.size();) {
    const std::size_t end = std::min(options.find(',', start), options.size());
    const std::string_view word = std::string_view(options).substr(start, end - start);
    for (const std::string_view key : k_keys) {
      if (!word.starts_with(key)) continue;
      for (std::size_t at = start + key.size();
           at < end && std::isdigit(static_cast<unsigned char>(options[at])); ++at) {
        changed = changed || options[at] != '0';
        options[at] = '0';
      }
    }
    start = end + 1;
  }
  return changed;
}

}  // namespace

Result<CallAnswer> change_mount(const CallContext& call) {
  if (call.address(4) == 0) return CallAnswer();
  std::string options = TRY(call.caller.read_path(call.address(4)));
  if (make_roots(options)) TRY(call.caller.write(call.address(4), std::as_bytes(std::span(options))));
  return CallAnswer();
}

Result<CallAnswer> change_mount_setting(const CallContext& call) {
  if (call.word(1) != FSCONFIG_SET_STRING) return CallAnswer();
  const std::string key = TRY(call.caller.read_path(call.address(2)));
  if (key != "uid" && key != "gid") return CallAnswer();
  std::string setting = key + "=" + TRY(call.caller.read_path(call.address(3)));
  if (!make_roots(setting)) return CallAnswer();
  setting.erase(0, key.size() + 1);
  TRY(call.caller.write(call.address(3), std::as_bytes(std::span(setting))));
  return CallAnswer();
}

}  // namespace ecrin::run

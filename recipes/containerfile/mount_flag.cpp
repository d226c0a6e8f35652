// The value of RUN --mount, as it is written.
#include <fmt/core.h>

#include "base/text.hpp"
#include "recipes/containerfile/instructions.hpp"

namespace ecrin::recipes::containerfile {
namespace {

template <class T>
Result<T> at(const InstructionText& text, const Word& value, Result<T> result) {
  if (result) return result;
  return text.refuse(value.span, result.error().message(), result.error().hint_text());
}

}  // namespace

Result<MountFlag> read_mount(const InstructionText& text, const Word& value) {
  MountFlag mount{.options = TRY(at(text, value, split_mount_options(value.text))), .span = value.span};
  for (const auto& [key, said] : mount.options) {
    if (key != "from" || !said) continue;
    const std::size_t dollar = said->find('$');
    if (dollar == std::string::npos || dollar + 1 == said->size()) continue;
    return text.refuse(value.span, "'from' of a mount cannot hold a variable",
                       "write a stage 'FROM IMAGE AS NAME' and mount from NAME");
  }
  TRY(at(text, value, check_mount_options(mount.options)));
  return mount;
}

}  // namespace ecrin::recipes::containerfile

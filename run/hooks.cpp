#include "run/hooks.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::run {

void run_late_hooks(const std::vector<oci::Hook>& hooks, std::string_view kind, const std::string& state) {
  for (std::size_t index = 0; index < hooks.size(); ++index)
    if (const auto done = run_hook(hooks[index], fmt::format("{} hook #{}", kind, index), state); !done)
      log::warning("{}", done.error().message());
}

}  // namespace ecrin::run

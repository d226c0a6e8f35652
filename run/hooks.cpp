#include "run/hooks.hpp"

#include "base/log.hpp"
#include "run/hook_process.hpp"

namespace ecrin::run {

Result<> run_hooks(const std::vector<oci::Hook>& hooks, std::string_view kind, const std::string& state) {
  for (const oci::Hook& hook : hooks) TRY(run_hook(hook, kind, state));
  return {};
}

void run_late_hooks(const std::vector<oci::Hook>& hooks, std::string_view kind, const std::string& state) {
  for (const oci::Hook& hook : hooks)
    if (const auto done = run_hook(hook, kind, state); !done) log::warning("{}", done.error().message());
}

}  // namespace ecrin::run

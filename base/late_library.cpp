#include "base/late_library.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "base/log.hpp"

namespace ecrin {

Result<> LateLibrary::load() {
  const std::scoped_lock lock(m_mutex);
  if (m_handle) return {};
  m_handle = ::dlopen(m_name, RTLD_NOW | RTLD_LOCAL);
  if (m_handle) return {};
  const char* reason = ::dlerror();
  return std::unexpected(Error(ErrorKind::unsupported,
                               fmt::format("cannot load {}: {}", m_name, reason ? reason : "no reason given"))
                             .hint(fmt::format("install it (on Debian: {})", m_package)));
}

void* LateLibrary::function(const char* name) {
  if (const auto loaded = load(); !loaded) {
    log::warning("{}", loaded.error().message());
    std::abort();
  }
  if (void* found = ::dlsym(m_handle, name)) return found;
  log::warning("{} has no function {}", m_name, name);
  std::abort();
}

}  // namespace ecrin

#include "base/secret.hpp"

#include <string.h>
#include <sys/mman.h>

#include <new>

namespace ecrin {

// Pages of its own for each: madvise works on pages, and there are few secrets.
Secret::Secret(std::string_view bytes) {
  if (bytes.empty()) return;
  void* pages = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  ::madvise(pages, bytes.size(), MADV_DONTDUMP);
  m_bytes = static_cast<char*>(pages);
  m_size = bytes.size();
  ::memcpy(m_bytes, bytes.data(), m_size);
}

Secret::~Secret() {
  if (m_bytes == nullptr) return;
  ::explicit_bzero(m_bytes, m_size);
  ::munmap(m_bytes, m_size);
}

void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace ecrin

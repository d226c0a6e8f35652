// Secret: bytes that must not be seen: a password, a token. Their memory is wiped when it is given back and
// left out of core dumps. A Secret cannot be formatted or printed; who needs the bytes asks for them by name.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>

namespace ecrin {

class Secret {
public:
  Secret() = default;
  explicit Secret(std::string_view bytes);
  Secret(const Secret& other) : Secret(other.reveal()) {}
  Secret(Secret&& other) noexcept
      : m_bytes(std::exchange(other.m_bytes, nullptr)), m_size(std::exchange(other.m_size, 0)) {}
  Secret& operator=(Secret other) noexcept {
    std::swap(m_bytes, other.m_bytes);
    std::swap(m_size, other.m_size);
    return *this;
  }
  ~Secret();

  bool empty() const { return m_size == 0; }
  std::string_view reveal() const { return {m_bytes, m_size}; }
  bool operator==(const Secret& other) const { return reveal() == other.reveal(); }

private:
  char* m_bytes = nullptr;
  std::size_t m_size = 0;
};

std::ostream& operator<<(std::ostream& out, const Secret& secret) = delete;

/// Overwrites a text that held a secret on its way to or from somewhere, and empties it.
void wipe(std::string& text);

}  // namespace ecrin

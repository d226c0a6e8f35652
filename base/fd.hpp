// Owning descriptors. Raw ints appear only in base/; everything else passes these.
// All are move-only, empty by default, opened O_CLOEXEC; nothing converts to int by itself.
#pragma once

#include <utility>

#include "base/error.hpp"

namespace ecrin {

class Fd {
public:
  Fd() = default;
  explicit Fd(int fd) : m_fd(fd) {}
  Fd(Fd&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    Fd(std::move(other)).swap(*this);
    return *this;
  }
  ~Fd();

  int get() const { return m_fd; }
  explicit operator bool() const { return m_fd >= 0; }
  [[nodiscard]] int release() { return std::exchange(m_fd, -1); }
  void swap(Fd& other) noexcept { std::swap(m_fd, other.m_fd); }
  void reset() { Fd().swap(*this); }
  /// Closes and reports: for files that were written, where close() may bring a late error.
  Result<> close();
  Result<Fd> duplicate() const;

private:
  int m_fd = -1;
};

/// Two ends of a pipe, both close-on-exec.
struct Pipe {
  Fd read;
  Fd write;
  static Result<Pipe> create();
};

/// Two connected sockets (SOCK_SEQPACKET keeps message borders; SOCK_STREAM does not).
struct SocketPair {
  Fd ours;
  Fd theirs;
  static Result<SocketPair> create(int type);
};

}  // namespace ecrin

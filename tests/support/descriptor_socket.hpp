// DescriptorSocket: a unix socket of a test's own, to which a program is told to send a descriptor
// (unix(7), SCM_RIGHTS): consoles, pidfds, listeners of seccomp.
#pragma once

#include <string>

namespace ecrin::tests {

struct ReceivedDescriptor {
  std::string text;     // that came with it
  int descriptor = -1;  // the receiver's to close; -1: there was none
};

class DescriptorSocket {
public:
  explicit DescriptorSocket(const std::string& path);
  DescriptorSocket(const DescriptorSocket&) = delete;
  DescriptorSocket& operator=(const DescriptorSocket&) = delete;
  ~DescriptorSocket();

  /// The one message of the next connection; nothing after stop().
  ReceivedDescriptor receive() const;
  /// From another thread: nobody is waited for any more.
  void stop() const;

private:
  int m_socket;
};

}  // namespace ecrin::tests

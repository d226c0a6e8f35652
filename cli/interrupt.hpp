// Interrupts: SIGINT and SIGTERM stop a long piece of work through a CancelToken instead of killing the
// process, so that what is half done is taken away. A second signal kills at once: the store stays right even
// then.
#pragma once

#include <signal.h>

#include "base/cancel.hpp"

namespace ecrin::cli {

class Interrupts {
public:
  Interrupts();  // one at a time in a process
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  const CancelToken& token() const { return m_token; }
  /// The signal that came while any of them was there, also after its end; 0 = none.
  static int signal();

private:
  CancelToken m_token;
  struct sigaction m_old_interrupt {};
  struct sigaction m_old_terminate {};
};

}  // namespace ecrin::cli

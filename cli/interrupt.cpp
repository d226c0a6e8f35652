#include "cli/interrupt.hpp"

#include <unistd.h>

#include <atomic>

namespace ecrin::cli {
namespace {

// A handler has nowhere else to look.
std::atomic<CancelToken*> g_token = nullptr;
std::atomic<int> g_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<CancelToken*>::is_always_lock_free);

void handle(int number) {
  if (g_signal.exchange(number) != 0) ::_exit(128 + number);
  if (CancelToken* token = g_token.load()) token->cancel();
}

}  // namespace

Interrupts::Interrupts() {
  if (g_signal != 0) m_token.cancel();  // it came during the work before
  g_token = &m_token;
  struct sigaction action {};
  action.sa_handler = handle;
  ::sigemptyset(&action.sa_mask);
  // No SA_RESTART: a wait in poll(2) wakes up and looks at the token.
  ::sigaction(SIGINT, &action, &m_old_interrupt);
  ::sigaction(SIGTERM, &action, &m_old_terminate);
}

Interrupts::~Interrupts() {
  ::sigaction(SIGINT, &m_old_interrupt, nullptr);
  ::sigaction(SIGTERM, &m_old_terminate, nullptr);
  g_token = nullptr;
}

int Interrupts::signal() {
  return g_signal;
}

}  // namespace ecrin::cli

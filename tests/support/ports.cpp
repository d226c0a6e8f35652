#include "tests/support/ports.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/support/process.hpp"
#include "tests/support/setting.hpp"

namespace ecrin::tests {

std::string free_port() {
  const int number = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  socklen_t size = sizeof address;
  const bool found = ::bind(number, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(number, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(number);
  if (!found) throw std::runtime_error("there is no free port");
  return std::to_string(ntohs(address.sin6_port));
}

std::string ask_server(const std::string& protocol, const std::string& address, const std::string& port,
                       const std::string& text) {
  const Outcome outcome = run(host_command({setting().test_init, "ask", protocol, address, port, text}));
  return outcome.code == 0 ? outcome.out : "failed: " + outcome.err;
}

std::string answer_of_server(const std::string& protocol, const std::string& address,
                             const std::string& port) {
  const std::string text = ask_server(protocol, address, port);
  return text.substr(0, text.find(" from "));
}

}  // namespace ecrin::tests

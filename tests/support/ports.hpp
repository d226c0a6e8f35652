// Ports of the host, and questions to servers behind them (test-init serve).
#pragma once

#include <string>

namespace ecrin::tests {

/// Free when it was looked at.
std::string free_port();
/// What `test-init serve` answers at this address of the host ("tcp 80 hello from 10.0.0.2"), or "failed:
/// ...".
std::string ask_server(const std::string& protocol, const std::string& address, const std::string& port,
                       const std::string& text = "hello");
/// The same without " from ADDRESS" at its end.
std::string answer_of_server(const std::string& protocol, const std::string& address,
                             const std::string& port);

}  // namespace ecrin::tests

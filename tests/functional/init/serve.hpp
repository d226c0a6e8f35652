// Servers and questions for tests of networks (see the head of init.cpp).
#pragma once

#include <string>
#include <vector>

/// "serve PORT...": answers on all of them, TCP and UDP, IPv4 and IPv6, until it is killed.
int serve(const std::vector<std::string>& ports, bool only_ipv4);
/// "ask tcp|udp ADDRESS PORT TEXT": prints the answer.
int ask(const std::string& protocol, const std::string& address, const std::string& port,
        const std::string& text);

// The published ports of a container, as the verbs show them. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "cli/containers/stored_request.hpp"
#include "run/monitor/container_record.hpp"

namespace ecrin::cli {

/// As they were chosen at its last start; before the first one, those whose number was said.
std::vector<run::PublishedPort> shown_ports(const run::StoredContainer& record, const StoredRequest& stored);

/// The column of `ps`: "0.0.0.0:8080->80/tcp, 0.0.0.0:9000-9002->9000-9002/udp".
std::string ports_column(const std::vector<run::PublishedPort>& ports);
/// `ps --format json`.
Json ports_document(const std::vector<run::PublishedPort>& ports);
/// "80/tcp": [{"HostIp": ..., "HostPort": ...}], as `inspect` has it. `exposed`: ports without any, null.
Json port_bindings(const std::vector<run::PublishedPort>& ports,
                   const std::vector<run::ExposedPort>& exposed);

/// The lines of `ecrin port`: "80/tcp -> 0.0.0.0:8080".
std::vector<std::string> port_lines(const std::vector<run::PublishedPort>& ports);
/// Where one port of the container is found: "0.0.0.0:8080" for "80", "80/tcp". None: not_found.
Result<std::vector<std::string>> places_of_port(const std::vector<run::PublishedPort>& ports,
                                                const std::string& port);

}  // namespace ecrin::cli

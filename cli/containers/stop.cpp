#include "cli/containers/stop.hpp"

#include <nlohmann/json.hpp>

#include "run/monitor/control.hpp"

namespace ecrin::cli {

std::vector<Result<>> stop_containers(Containers& containers,
                                      const std::vector<run::StoredContainer>& records,
                                      const StopOptions& options) {
  Json request = {{"verb", "stop"}};
  if (options.timeout) request["timeout"] = std::chrono::milliseconds(*options.timeout).count();
  if (options.signal) request["signal"] = *options.signal;
  std::vector<Fd> sockets;
  std::vector<Result<>> results;
  for (const run::StoredContainer& record : records) {
    Result<>& result = results.emplace_back();
    Fd& socket = sockets.emplace_back();
    if (!is_active(record.state)) continue;
    auto connected = containers.connect(record);
    // It has ended in the meantime.
    if (!connected && connected.error().kind() == ErrorKind::conflict) continue;
    if (!connected) {
      result = std::unexpected(std::move(connected).error());
      continue;
    }
    socket = std::move(*connected);
    result = run::send_control(socket, run::PacketKind::request, dump_json(request));
  }
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    if (!sockets[i] || !results[i]) continue;
    const auto answer = run::receive_control(sockets[i]);
    if (!answer) {
      results[i] = std::unexpected(answer.error());
    } else if (*answer && (*answer)->kind == run::PacketKind::error) {
      results[i] = std::unexpected(run::decode_failure((*answer)->payload).first);
    }
  }
  return results;
}

}  // namespace ecrin::cli

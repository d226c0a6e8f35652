// The bridges of the named networks, in the network namespace of the keeper's process: netavark makes them
// and the cables to the containers, and runs aardvark-dns.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "run/network/netavark.hpp"

namespace ecrin::run {

class KeeperBridges {
public:
  explicit KeeperBridges(std::string search_path);
  /// What a container has.
  struct Cable {
    AttachRequest request;  // with the addresses that were chosen
    Fd network_namespace;
  };
  Result<std::pair<Cable, AttachReply>> attach(AttachRequest request, Fd network_namespace);
  void detach(const Cable& cable);
  /// From one of its networks; what is left stays.
  void detach(Cable& cable, std::size_t index);

private:
  Result<std::string> run_netavark(const std::string& verb, const Cable& cable) const;
  void give_back(const AttachRequest& request);
  std::string m_search_path;
  std::string m_netavark;
  std::string m_aardvark;
  std::map<std::string, std::set<IpAddress>> m_used;  // by the network's name
};

/// Where distributions have them: not on anybody's search path.
std::string find_network_program(const std::string& name, const std::string& search_path);

}  // namespace ecrin::run

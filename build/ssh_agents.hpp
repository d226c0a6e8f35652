// The ssh-agents that --ssh gives to RUN steps: sockets that are there, and for key files an ssh-agent that
// is started for this build when the first step needs it. Keys never leave an agent.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/child.hpp"
#include "base/store.hpp"

namespace ecrin::build {

struct SshAgent {
  std::string id;
  std::string socket;             // of an agent that runs; or
  std::vector<std::string> keys;  // files of private keys
};

class SshAgents {
public:
  SshAgents(Store& store, const std::vector<SshAgent>& agents, std::string search_path)
      : m_store(store), m_agents(agents), m_search_path(std::move(search_path)) {}
  ~SshAgents();

  bool has(const std::string& id) const { return find(id) != nullptr; }
  /// The path of the agent's socket.
  Result<std::string> socket(const std::string& id);

private:
  const SshAgent* find(const std::string& id) const;
  Result<std::string> start(const SshAgent& agent);

  struct Running {
    Child program;
    std::string directory;  // name in the store's temporary directory
    std::string socket;
  };
  Store& m_store;
  const std::vector<SshAgent>& m_agents;
  std::string m_search_path;
  std::mutex m_mutex;
  std::map<std::string, Running> m_running;  // by id
};

}  // namespace ecrin::build

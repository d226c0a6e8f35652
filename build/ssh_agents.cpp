#include "build/ssh_agents.hpp"

#include <chrono>
#include <thread>

#include "base/posix.hpp"
#include "base/socket_relay.hpp"
#include "base/text.hpp"
#include "base/unix_socket.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {

namespace {

constexpr std::chrono::milliseconds k_patience{10'000};
constexpr std::chrono::milliseconds k_pause{20};

// Where the agent's own directory is the working directory, its name is short enough for a socket.
constexpr const char* k_socket_name = "agent";

}  // namespace

const SshAgent* SshAgents::find(const std::string& id) const {
  for (const SshAgent& agent : m_agents) {
    if (agent.id == id) return &agent;
  }
  return nullptr;
}

SshAgents::~SshAgents() {
  for (auto& [id, running] : m_running) {
    running.program = Child();
    if (const auto temporary = m_store.temporary()) (void)fs::remove_tree(*temporary, running.directory);
  }
}

Result<std::string> SshAgents::socket(const std::string& id) {
  const SshAgent* agent = find(id);
  if (!agent) return fail(ErrorKind::not_found, "there is no ssh-agent '{}'", printable(id));
  if (agent->keys.empty()) return agent->socket;
  const std::scoped_lock lock(m_mutex);
  if (const auto known = m_running.find(id); known != m_running.end()) return known->second.socket;
  return start(*agent);
}

Result<std::string> SshAgents::start(const SshAgent& agent) {
  for (const char* program : {"ssh-agent", "ssh-add"}) {
    if (!find_program(program, m_search_path).empty()) continue;
    auto error = Error(ErrorKind::not_found,
                       fmt::format("key files need the program {}, which is not installed", program));
    return std::unexpected(
        std::move(error).hint("install openssh-client, or give the socket of an agent: --ssh ID=SOCKET"));
  }
  Running running;
  running.directory = "ssh-" + Store::unique_name();
  TRY(posix::mkdir_at(TRY(m_store.temporary()), running.directory, 0700));
  const std::string path = m_store.temporary_path() + "/" + running.directory;
  running.socket = path + "/" + k_socket_name;
  const std::vector<std::string> environment = {std::string("SSH_AUTH_SOCK=./") + k_socket_name,
                                                "SSH_ASKPASS=/bin/false", "SSH_ASKPASS_REQUIRE=force",
                                                "HOME=" + path};
  // In place first: whatever fails below, its directory goes with it.
  Running& kept = m_running[agent.id] = std::move(running);
  const auto give_up = [&](Error error) -> Result<std::string> {
    kept.program = Child();
    if (const auto temporary = m_store.temporary()) (void)fs::remove_tree(*temporary, kept.directory);
    m_running.erase(agent.id);
    return std::unexpected(std::move(error));
  };
  auto program = Child::spawn({.argv = {"ssh-agent", "-D", "-a", std::string("./") + k_socket_name},
                               .environment = environment,
                               .search_path = m_search_path,
                               .directory = path,
                               .own_session = true});
  if (!program) return give_up(std::move(program).error());
  kept.program = std::move(*program);
  const auto deadline = std::chrono::steady_clock::now() + k_patience;
  while (!connect_unix_socket(kept.socket)) {
    const auto ended = kept.program.poll();
    if (!ended) return give_up(ended.error());
    if (*ended || std::chrono::steady_clock::now() > deadline) {
      return give_up(Error(ErrorKind::system, "the ssh-agent for this build does not answer"));
    }
    std::this_thread::sleep_for(k_pause);
  }
  for (const std::string& key : agent.keys) {
    const auto added = run_command({.argv = {"ssh-add", "-q", "--", key},
                                    .environment = environment,
                                    .search_path = m_search_path,
                                    .directory = path,
                                    .own_session = true},
                                   {}, 64 * 1024, k_patience);
    if (!added) return give_up(added.error());
    if (!added->status.success()) {
      const std::string said = printable(trim(added->standard_error), 300);
      auto error = Error(ErrorKind::denied, fmt::format("cannot use the ssh key '{}': {}", printable(key),
                                                        said.empty() ? "it may need a passphrase" : said));
      return give_up(std::move(error).hint(
          "a key with a passphrase belongs into an ssh-agent of yours: ssh-add FILE, then --ssh default"));
    }
  }
  return kept.socket;
}

}  // namespace ecrin::build

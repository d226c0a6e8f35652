#include "run/network/keeper_process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/file_lock.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/network/keeper_bridges.hpp"
#include "run/network/keeper_socket.hpp"
#include "run/network/network.hpp"
#include "run/network/network_keeper.hpp"

namespace ecrin::run {
namespace {

constexpr int k_first_wait = 10'000;  // milliseconds for the container that it was started for
constexpr const char* k_resolver = "/etc/resolv.conf";

// Everything of the starter but these two, which get the numbers 3 and 4.
Result<> leave_descriptors(Fd& listener, Fd& directory) {
  {
    const Fd null = TRY(posix::open("/dev/null", O_RDWR));
    for (const int number : {0, 1, 2}) {
      if (::dup2(null.get(), number) < 0) return fail_errno("cannot leave the standard streams");
    }
  }
  // Through numbers that are above all, so that none overwrites another.
  constexpr int k_listener = 3;
  constexpr int k_directory = 4;
  const Fd high_listener(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 100));
  const Fd high_directory(::fcntl(directory.get(), F_DUPFD_CLOEXEC, 100));
  if (!high_listener || !high_directory) return fail_errno("cannot duplicate a descriptor");
  (void)listener.release();
  (void)directory.release();
  if (::dup3(high_listener.get(), k_listener, O_CLOEXEC) < 0 ||
      ::dup3(high_directory.get(), k_directory, O_CLOEXEC) < 0)
    return fail_errno("cannot duplicate a descriptor");
  listener = Fd(k_listener);
  directory = Fd(k_directory);
  return {};
}

// The text of resolv.conf that aardvark-dns reads, in our mount namespace only. The file may be a link into
// /run, which is hidden: netavark would find the host's systemd there, and start its server as a service of
// it.
Result<> hide_run(const std::string& resolver_place, const std::string& resolver_text) {
  if (::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
    return fail_errno("cannot mount a tmpfs on '/run'");
  constexpr const char* k_own = "/run/ecrin-resolv.conf";
  const Fd file = TRY(posix::open(k_own, O_WRONLY | O_CREAT, 0644));
  TRY(posix::write_full(file, std::string_view(resolver_text)));
  if (resolver_place.empty()) return {};
  if (resolver_place.starts_with("/run/")) {
    TRY(posix::make_directories(resolver_place.substr(0, resolver_place.rfind('/')), 0755));
    TRY(posix::open(resolver_place, O_WRONLY | O_CREAT, 0644));
  }
  if (::mount(k_own, resolver_place.c_str(), nullptr, MS_BIND, nullptr) != 0)
    return fail_errno("cannot mount a file on '{}'", printable(resolver_place));
  return {};
}

std::string real_path(const char* path) {
  char* const found = ::realpath(path, nullptr);
  if (!found) return "";
  std::string text = found;
  ::free(found);
  return text;
}

// The shared network namespace: from here on our children are in it.
Result<PrivateNetwork> enter_shared_network(const std::string& search_path) {
  if (::unshare(CLONE_NEWNS) != 0) return fail_errno("cannot make a mount namespace");
  const std::string place = real_path(k_resolver);
  const std::string text = posix::read_file(k_resolver, 1u << 20).value_or("");
  PrivateNetwork network = TRY(PrivateNetwork::create(search_path));
  if (::setns(network.network_namespace().get(), CLONE_NEWNET) != 0)
    return fail_errno("cannot enter a network namespace");
  TRY(hide_run(place, container_resolv_conf(text, NetworkMode::private_network, network.nameserver())));
  return network;
}

Result<Fd> watch_for_the_end() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  Fd watcher(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!watcher) return fail_errno("cannot wait for signals");
  return watcher;
}

struct Guest {
  Fd socket;
  std::vector<KeeperBridges::Cable> cables;  // one for each time that it was attached
};

class Keeper {
public:
  Keeper(Fd listener, Fd directory, std::string search_path)
      : m_listener(std::move(listener)),
        m_directory(std::move(directory)),
        m_search_path(std::move(search_path)) {}

  Result<> work() {
    const Fd signals = TRY(watch_for_the_end());
    const Fd user_namespace = TRY(posix::open("/proc/self/ns/user", O_RDONLY));
    auto network = enter_shared_network(m_search_path);
    KeeperBridges bridges(m_search_path);
    int patience = k_first_wait;
    while (true) {
      // Whoever is in the way of our leaving is about to come.
      if (m_guests.empty() && patience == 0 && TRY(leave()) == Leave::yes) return {};
      std::vector<pollfd> waiting = {{.fd = signals.get(), .events = POLLIN, .revents = 0},
                                     {.fd = m_listener.get(), .events = POLLIN, .revents = 0}};
      for (const Guest& guest : m_guests)
        waiting.push_back({.fd = guest.socket.get(), .events = POLLIN, .revents = 0});
      const int count =
          ::poll(waiting.data(), waiting.size(), m_guests.empty() ? std::max(patience, 20) : -1);
      if (count < 0 && errno != EINTR) return fail_errno("cannot wait for containers");
      reap();
      if (count == 0) patience = 0;
      if (count <= 0) continue;
      if (waiting[0].revents != 0) return {};
      for (std::size_t index = 0; index < m_guests.size(); ++index) {
        if (waiting[index + 2].revents == 0) continue;
        hear(m_guests[index], network, bridges);
        patience = 0;
      }
      std::erase_if(m_guests, [](const Guest& guest) { return !guest.socket; });
      if (waiting[1].revents != 0) welcome(user_namespace);
    }
  }

private:
  // aardvark-dns starts itself anew as a process of its own, and those become children of ours.
  static void reap() {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }

  enum class Leave { no, yes };
  Result<Leave> leave() {
    const auto lock = TRY(FileLock::acquire_named_now(m_directory, k_keeper_lock, 0600));
    if (!lock) return Leave::no;
    pollfd pending{.fd = m_listener.get(), .events = POLLIN, .revents = 0};
    if (::poll(&pending, 1, 0) > 0) return Leave::no;
    TRY(remove_keeper_socket(m_directory));
    return Leave::yes;
  }

  void welcome(const Fd& user_namespace) {
    Fd socket(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket && send_keeper_packet(socket, KeeperMessage::welcome, "", &user_namespace))
      m_guests.push_back({.socket = std::move(socket), .cables = {}});
  }

  static Result<AttachReply> attach(Guest& guest, KeeperPacket packet, const Result<PrivateNetwork>& network,
                                    KeeperBridges& bridges) {
    if (!network) return std::unexpected(network.error());
    AttachRequest request = TRY(parse_attach_request(packet.text));
    auto [cable, reply] = TRY(bridges.attach(std::move(request), std::move(packet.descriptor)));
    guest.cables.push_back(std::move(cable));
    return reply;
  }

  static Result<AttachReply> detach(Guest& guest, const std::string& network, KeeperBridges& bridges) {
    for (KeeperBridges::Cable& cable : guest.cables) {
      const auto& attachments = cable.request.attachments;
      const auto found = std::ranges::find(attachments, network, &NetworkAttachment::network);
      if (found == attachments.end()) continue;
      bridges.detach(cable, static_cast<std::size_t>(found - attachments.begin()));
      std::erase_if(guest.cables, [](const auto& left) { return left.request.attachments.empty(); });
      return AttachReply{};
    }
    return fail(ErrorKind::not_found, "the container is not on the network '{}'", printable(network, 200));
  }

  static void hear(Guest& guest, const Result<PrivateNetwork>& network, KeeperBridges& bridges) {
    auto packet = receive_keeper_packet(guest.socket);
    const bool is_request =
        packet && *packet &&
        ((*packet)->kind == KeeperMessage::attach || (*packet)->kind == KeeperMessage::detach);
    if (!is_request) {
      for (const KeeperBridges::Cable& cable : guest.cables) bridges.detach(cable);
      guest.cables.clear();
      guest.socket.reset();
      return;
    }
    const auto done = (*packet)->kind == KeeperMessage::attach
                          ? attach(guest, std::move(**packet), network, bridges)
                          : detach(guest, (*packet)->text, bridges);
    // Whoever does not hear the answer is gone, which the next round sees.
    if (done) {
      (void)send_keeper_packet(guest.socket, KeeperMessage::attached, format_attach_reply(*done));
    } else {
      (void)send_keeper_packet(guest.socket, KeeperMessage::failed, done.error().serialise());
    }
  }

  Fd m_listener;
  Fd m_directory;
  std::string m_search_path;
  std::vector<Guest> m_guests;
};

}  // namespace

void become_keeper(const Fd& listener, const Fd& directory, const std::string& search_path) {
  // In a process namespace: whatever the keeper starts ends with it.
  if (::setsid() < 0 || ::unshare(CLONE_NEWPID) != 0) ::_exit(errno);
  const pid_t keeper = ::fork();
  if (keeper < 0) ::_exit(errno);
  if (keeper > 0) ::_exit(0);
  ::prctl(PR_SET_NAME, "ecrin-networks");
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  Fd own_listener(listener.get());
  Fd own_directory(directory.get());
  if (!leave_descriptors(own_listener, own_directory) || ::chdir("/") != 0) ::_exit(1);
  ::close_range(5, UINT_MAX, 0);
  Keeper work(std::move(own_listener), std::move(own_directory), search_path);
  const auto outcome = work.work();
  ::_exit(outcome ? 0 : 1);
}

}  // namespace ecrin::run

#include "run/owners/owner_supervisor.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <iterator>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "base/unix_socket.hpp"
#include "run/owners/owner_calls.hpp"
#include "run/seccomp/seccomp_compiler.hpp"
#include "run/stage_process.hpp"

namespace ecrin::run {
namespace {

constexpr int k_threads = 2;  // for one listener: one call may wait for a disk

// One call at a time is taken, by whichever thread holds the lock; it is answered without it.
struct Listener {
  Fd socket;  // till the filter's descriptor came
  Fd file;
  std::mutex taking;
  bool ended = false;
};

// Notifications are as large as the kernel says, which may be more than our headers know.
struct Sizes {
  std::size_t notification = sizeof(seccomp_notif);
  std::size_t response = sizeof(seccomp_notif_resp);
};

bool wait_for(const Fd& file, const Fd& stop) {
  std::array<pollfd, 2> files = {pollfd{.fd = file.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = stop.get(), .events = POLLIN, .revents = 0}};
  while (::poll(files.data(), files.size(), -1) < 0)
    if (errno != EINTR) return false;
  return files[1].revents == 0 && (files[0].revents & POLLIN);
}

void respond(const Fd& listener, const seccomp_notif& notification, CallAnswer answer) {
  if (answer.descriptor) {
    seccomp_notif_addfd added{};
    added.id = notification.id;
    added.flags = SECCOMP_ADDFD_FLAG_SEND;
    added.srcfd = static_cast<std::uint32_t>(answer.descriptor.get());
    added.newfd_flags = answer.close_on_exec ? O_CLOEXEC : 0;
    if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &added) >= 0) return;
    answer.error = errno;
  }
  seccomp_notif_resp response{};
  response.id = notification.id;
  if (answer.proceeds) {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else {
    response.error = -answer.error;
    response.val = answer.error == 0 ? answer.value : 0;
  }
  // ENOENT: it was killed meanwhile.
  if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) != 0 && errno != ENOENT)
    log::debug("an answer did not reach process {}: {}", notification.pid, std::strerror(errno));
}

Result<std::string> filter_of(const std::vector<AnsweredCall>& calls) {
  auto compiler = TRY(SeccompCompiler::create(SECCOMP_RET_ALLOW));
  // Their calls have other numbers and other structures: owners are not kept for them, but they run.
  TRY(compiler.pass_other_architectures());
  for (const AnsweredCall& call : calls) {
    if (call.when.empty()) TRY(compiler.add(call.name, SECCOMP_RET_USER_NOTIF));
    for (const SeccompCondition& condition : call.when)
      TRY(compiler.add(call.name, SECCOMP_RET_USER_NOTIF, std::span(&condition, 1)));
  }
  return compiler.bytes();
}

}  // namespace

struct OwnerSupervisor::State {
  OwnerRecords records;
  ProgramIdsTable ids{ProgramIds()};
  Owners owners;
  std::optional<HostFiles> host_files;
  OwnerCalls calls;
  Fd stop;
  std::mutex mutex;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::jthread> threads;

  State(Owners kept, std::optional<HostFiles> files)
      : owners(kept),
        host_files(std::move(files)),
        calls(records, ids,
              host_files && !host_files->root.empty() ? KernelFiles::answered : KernelFiles::mounted),
        stop(::eventfd(0, EFD_CLOEXEC)) {}
  ~State() {
    ::eventfd_write(stop.get(), 1);
    threads.clear();  // joins
  }

  // What is answered always needs no condition of the other's.
  std::vector<AnsweredCall> rules() const {
    std::vector<AnsweredCall> all;
    if (host_files) all = host_answered_calls(*host_files);
    if (owners == Owners::left) return all;
    const auto known = [&](const AnsweredCall& call) {
      return std::ranges::any_of(
          all, [&](const AnsweredCall& other) { return std::string_view(other.name) == call.name; });
    };
    std::vector<AnsweredCall> more;
    std::ranges::copy_if(answered_calls(), std::back_inserter(more), std::not_fn(known));
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  CallAnswer answer(const Fd& listener, const seccomp_notif& notification) {
    OwnerCalls* const keeper = owners == Owners::kept ? &calls : nullptr;
    if (host_files)
      if (auto answer = answer_host_call(*host_files, listener, notification, keeper))
        return std::move(*answer);
    return keeper ? keeper->answer(listener, notification) : CallAnswer();
  }

  // The first thread of a listener waits for it and starts the others.
  void receive(Listener& listener) {
    if (!wait_for(listener.socket, stop)) return;
    auto packet = receive_packet(listener.socket, 64);
    listener.socket.reset();
    if (!packet || !*packet || (*packet)->descriptors.empty()) return;
    listener.file = std::move((*packet)->descriptors.front());
#ifdef SECCOMP_IOCTL_NOTIF_SET_FLAGS  // Linux 6.6: both sides of a call on one processor
    ::ioctl(listener.file.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
#endif
    std::vector<std::jthread> others;
    for (int number = 1; number < k_threads; ++number) others.emplace_back([&] { serve(listener); });
    serve(listener);
  }

  void serve(Listener& listener) {
    // Room for what a newer kernel writes: it is told nothing about our size.
    union {
      seccomp_notif notification;
      std::array<std::byte, 512> room;
    } buffer;
    for (;;) {
      {
        const std::scoped_lock lock(listener.taking);
        if (listener.ended || !wait_for(listener.file, stop)) {
          listener.ended = true;
          return;
        }
        buffer.room.fill(std::byte{0});
        if (::ioctl(listener.file.get(), SECCOMP_IOCTL_NOTIF_RECV, &buffer.notification) != 0) {
          if (errno == EINTR || errno == ENOENT || errno == EAGAIN) continue;
          log::warning("owners of files are not kept any more: {}", std::strerror(errno));
          listener.ended = true;
          return;
        }
      }
      respond(listener.file, buffer.notification, answer(listener.file, buffer.notification));
    }
  }
};

OwnerSupervisor::OwnerSupervisor(Owners owners, std::optional<HostFiles> host_files)
    : m_state(std::make_unique<State>(owners, std::move(host_files))) {}
OwnerSupervisor::OwnerSupervisor(OwnerSupervisor&&) noexcept = default;
OwnerSupervisor::~OwnerSupervisor() = default;

Result<std::uint64_t> OwnerSupervisor::take_ids(oci::RuntimeProcess& process) {
  if (m_state->owners == Owners::left) return 0;
  ProgramIds ids{.ruid = process.uid, .euid = process.uid, .suid = process.uid, .fsuid = process.uid};
  ids.rgid = ids.egid = ids.sgid = ids.fsgid = process.gid;
  ids.groups = process.additional_gids;
  std::ranges::sort(ids.groups);  // as the kernel has them
  const auto number = m_state->ids.number_of(ids);
  if (!number) return fail(ErrorKind::limit, "too many sets of ids in one container");
  process.uid = process.gid = 0;
  process.additional_gids.clear();
  return *number;
}

Result<> OwnerSupervisor::supervise(StageRequest& request, std::uint64_t ids_number) {
  request.plan.process.owner_filter = TRY(filter_of(m_state->rules()));
  request.plan.process.ids_number = ids_number;
  SocketPair pair = TRY(SocketPair::create(SOCK_SEQPACKET));
  request.plan.owners = TRY(request.hand_down(std::move(pair.theirs)));
  const std::scoped_lock lock(m_state->mutex);
  auto& listener = m_state->listeners.emplace_back(std::make_unique<Listener>());
  listener->socket = std::move(pair.ours);
  m_state->threads.emplace_back([state = m_state.get(), &listener = *listener] { state->receive(listener); });
  return {};
}

}  // namespace ecrin::run

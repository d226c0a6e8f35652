#include "run/container.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/posix.hpp"
#include "base/stream.hpp"
#include "base/text.hpp"
#include "run/bind_source.hpp"
#include "run/cgroup_settings.hpp"
#include "run/container_spawn.hpp"
#include "run/embedded.hpp"
#include "run/seccomp.hpp"
#include "run/seccomp_config.hpp"
#include "run/setup_plan.hpp"

namespace ecrin::run {
namespace {

// Descriptors for the stage must lie above the numbers that others get there: 0, 1, 2 and the plan's.
constexpr int k_first_free_descriptor = k_stage_plan_descriptor + 1;

Result<Fd> above_reserved(Fd fd) {
  if (fd.get() >= k_first_free_descriptor) return fd;
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, k_first_free_descriptor));
  if (!copy) return fail_errno("cannot duplicate a descriptor");
  return copy;
}

// The same for every container of a process: the stage as a file that can be executed, and the user
// namespace.
Result<const Fd*> stage_program() {
  static std::mutex mutex;
  static Fd program;
  const std::scoped_lock lock(mutex);
  if (!program)
    program = TRY(above_reserved(TRY(posix::sealed_memory_file("ecrin-stage", embedded_stage()))));
  return &program;
}

Result<const PlanFacts*> plan_facts() {
  static std::mutex mutex;
  static std::optional<PlanFacts> facts;
  const std::scoped_lock lock(mutex);
  if (!facts) {
    PlanFacts found;
    found.uids = TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/uid_map"))));
    found.gids = TRY(fs::parse_id_map(TRY(posix::read_file("/proc/self/gid_map"))));
    const auto set_groups = posix::read_file("/proc/self/setgroups");
    found.set_groups = set_groups && set_groups->starts_with("allow");
    found.selinux = posix::open("/sys/fs/selinux/enforce", O_PATH).has_value();
    facts = std::move(found);
  }
  return &*facts;
}

// Sources are opened here, where "/proc/self/fd/N" of the caller means what the caller means, and as detached
// mounts, which a descriptor carries into the stage's mount namespace.
Result<std::vector<Fd>> open_bind_sources(ContainerPlan& plan) {
  std::vector<Fd> sources;
  for (std::size_t i = 0; i < plan.setup.ops.size(); ++i) {
    SetupOp& op = plan.setup.ops[i];
    if (op.kind != SetupKind::bind) continue;
    Fd source = TRY(above_reserved(TRY(open_bind_source(op, find_id_mapped(plan, i)))));
    op.descriptor = source.get();
    sources.push_back(std::move(source));
  }
  return sources;
}

struct Message {
  StageMessage kind;
  std::string payload;
  Fd descriptor;
};

// Empty at the end of the stream.
Result<std::optional<Message>> receive(const Fd& socket, std::string& buffer) {
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do size = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno != ECONNRESET) return fail_errno("cannot hear from the stage of the container");
  if (size <= 0) return std::nullopt;
  Message message{.kind = static_cast<StageMessage>(buffer[0]),
                  .payload = buffer.substr(1, static_cast<std::size_t>(size) - 1)};
  const cmsghdr* carried = CMSG_FIRSTHDR(&header);
  if (carried && carried->cmsg_type == SCM_RIGHTS) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(carried), sizeof number);
    message.descriptor = Fd(number);
  }
  return message;
}

}  // namespace

struct Container::State {
  std::optional<Cgroup> cgroup;  // outlives its processes
  Child child;
  Fd terminal;
  Fd listener;  // of the seccomp filter
  Fd lifeline;  // its closing, also by our death, ends the container
  std::optional<PrivateNetwork> network;
  std::vector<std::string> created;
  oci::Resources resources;

  Result<> start(ContainerOptions options);

  /// Until the program was executed or something failed.
  Result<> follow_stage(const Fd& socket) {
    std::string buffer(k_stage_message_limit, '\0');
    bool ready = false;
    while (std::optional<Message> message = TRY(receive(socket, buffer))) {
      switch (message->kind) {
        case StageMessage::created:
          created.push_back(std::move(message->payload));
          break;
        case StageMessage::terminal:
          terminal = std::move(message->descriptor);
          break;
        case StageMessage::listener:
          listener = std::move(message->descriptor);
          break;
        case StageMessage::ready:
          ready = true;
          break;
        case StageMessage::error: {
          std::optional<Error> error = Error::parse(message->payload);
          if (error) return std::unexpected(std::move(*error));
          return fail(ErrorKind::invalid, "the stage of the container failed and cannot say why");
        }
      }
    }
    if (ready) return {};
    const ExitStatus status = TRY(child.wait());
    if (cgroup && cgroup->out_of_memory_kills() > 0)
      return fail(ErrorKind::limit, "the set-up of the container was {}", out_of_memory_message(resources));
    return fail(ErrorKind::system, "the stage of the container ended too early: {}", status.to_string());
  }
};

Container::Container(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Container::Container(Container&&) noexcept = default;
Container::~Container() = default;

Result<Container> Container::start(ContainerOptions options) {
  auto state = std::make_unique<State>();
  TRY(state->start(std::move(options)));
  return Container(std::move(state));
}

Result<> Container::State::start(ContainerOptions options) {
  const Fd* network_namespace = options.network_namespace;
  if (!options.config.resources.empty()) {
    if (!options.cgroups)
      return fail(ErrorKind::unsupported, "the container has limits, and there is no cgroup for it");
    resources = options.config.resources;
    cgroup.emplace(TRY(options.cgroups->create(resources)));
  }
  if (options.network == NetworkMode::private_network && !network_namespace) {
    network = TRY(PrivateNetwork::create(Command{}.search_path));
    network_namespace = &network->network_namespace();
  }

  PlanRequest request{.rootfs = std::move(options.rootfs),
                      .bundle = options.bundle,
                      .network = options.network,
                      .joins_network = network_namespace != nullptr,
                      .init = options.init,
                      .managed_files = std::move(options.managed_files),
                      .no_pivot = options.no_pivot};
  if (options.config.default_seccomp)
    request.seccomp =
        TRY(seccomp_filter(TRY(parse_capabilities(options.config.process.capabilities.bounding))));
  if (!options.config.default_seccomp && options.config.seccomp) {
    SeccompFilter filter = options.seccomp_cache.empty()
                               ? TRY(compile_seccomp_config(*options.config.seccomp))
                               : TRY(cached_seccomp_config(*options.config.seccomp, options.seccomp_cache));
    request.seccomp = std::move(filter.program);
    request.seccomp_flags = filter.flags;
  }
  PlanFacts facts = *TRY(plan_facts());
  facts.cgroups = read_cgroup_hierarchies(options.config);
  ContainerPlan plan = TRY(make_setup_plan(options.config, facts, request));

  const std::vector<Fd> sources = TRY(open_bind_sources(plan));
  SocketPair socket = TRY(SocketPair::create(SOCK_SEQPACKET));
  Pipe ends = TRY(Pipe::create());
  Fd control = TRY(above_reserved(std::move(socket.theirs)));
  const Fd lifeline_end = TRY(above_reserved(std::move(ends.read)));
  lifeline = std::move(ends.write);
  plan.setup.control = control.get();
  plan.setup.lifeline = lifeline_end.get();
  const std::string encoded = encode_plan(plan.setup);
  const Fd plan_file = TRY(above_reserved(TRY(posix::sealed_memory_file("ecrin-plan", as_bytes(encoded)))));

  SpawnRequest spawn{.program = TRY(stage_program()),
                     .namespaces = plan.clone_namespaces,
                     .network_namespace = network_namespace,
                     .moved = {{plan_file.get(), k_stage_plan_descriptor}},
                     .kept = {control.get(), lifeline_end.get()}};
  Fd processes;
  if (cgroup) {
    processes = TRY(above_reserved(TRY(cgroup->processes())));
    spawn.cgroup = &processes;
  }
  for (const Fd& source : sources) spawn.kept.push_back(source.get());
  const Fd null = TRY(above_reserved(TRY(posix::open("/dev/null", O_RDWR))));
  std::array<Fd*, 3> stdio = {&options.stdio.input, &options.stdio.output, &options.stdio.error};
  for (int number = 0; number < 3; ++number) {
    Fd& given = *stdio[static_cast<std::size_t>(number)];
    const bool used = given && !options.config.process.terminal;
    if (used) given = TRY(above_reserved(std::move(given)));
    spawn.moved.emplace_back(used ? given.get() : null.get(), number);
  }
  auto spawned = spawn_in_namespaces(spawn);
  if (!spawned && cgroup && spawned.error().code() == ENOMEM)
    return std::unexpected(
        std::move(spawned).error().hint("the limit of memory is too small for a container"));
  child = TRY(std::move(spawned));

  // Our copies of what the container has now: as long as they are open, no end of stream is seen.
  control.reset();
  options.stdio = {};
  return follow_stage(socket.ours);
}

pid_t Container::pid() const {
  return m_state->child.pid();
}
const Fd& Container::terminal() const {
  return m_state->terminal;
}
const Fd& Container::pidfd() const {
  return m_state->child.pidfd();
}
const std::vector<std::string>& Container::created_mount_points() const {
  return m_state->created;
}
std::uint64_t Container::out_of_memory_kills() const {
  return m_state->cgroup ? m_state->cgroup->out_of_memory_kills() : 0;
}
Result<> Container::signal(int number) {
  return m_state->child.signal(number);
}
Result<ExitStatus> Container::wait() {
  return m_state->child.wait();
}

}  // namespace ecrin::run

#include "run/user_namespace_maps.hpp"

#include <linux/capability.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/capabilities.hpp"
#include "run/proc_number.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint32_t k_usual_first_id = 100'000;
constexpr std::uint32_t k_usual_count = 65'536;

// Behind all ranges that are given away already.
std::uint64_t first_free_id(const IdentityRequest& request) {
  std::uint64_t first = k_usual_first_id;
  for (const std::string* text : {&request.subuid, &request.subgid})
    for (const std::string& line : split(*text, '\n')) {
      const std::vector<std::string> fields = split(trim(line), ':');
      if (fields.size() != 3) continue;
      const auto begin = parse_unsigned(fields[1], UINT32_MAX);
      const auto count = parse_unsigned(fields[2], UINT32_MAX);
      if (begin && count) first = std::max(first, *begin + *count);
    }
  return first;
}

std::string ranges_fix(const IdentityRequest& request, uid_t uid, bool users, bool groups) {
  const std::string who = request.user_name.empty() ? std::to_string(uid) : request.user_name;
  const std::uint64_t first = first_free_id(request);
  const std::uint64_t last = first + k_usual_count - 1;
  std::string fix = fmt::format("add the line \"{}:{}:{}\" to {} (as root", who, first, k_usual_count,
                                !groups  ? "/etc/subuid"
                                : !users ? "/etc/subgid"
                                         : "/etc/subuid and /etc/subgid");
  if (!request.user_name.empty()) {
    fix += ": usermod";
    if (users) fix += fmt::format(" --add-subuids {}-{}", first, last);
    if (groups) fix += fmt::format(" --add-subgids {}-{}", first, last);
    fix += " " + shell_quote(who);
  }
  return fix + ")";
}

Result<> write_map_file(pid_t pid, const char* name, const std::string& text) {
  const Fd file = TRY(posix::open(fmt::format("/proc/{}/{}", proc_number(pid), name), O_WRONLY));
  return posix::write_full(file, std::string_view(text));
}

bool is_own_id(const fs::IdMap& map, std::uint32_t own) {
  return map.size() == 1 && map.front().host_id == own && map.front().size == 1;
}

Result<> write_maps_itself(pid_t pid, const MapChoice& maps) {
  TRY(write_map_file(pid, "gid_map", fs::format_id_map(maps.gids)));
  return write_map_file(pid, "uid_map", fs::format_id_map(maps.uids));
}

// Both at once: each costs a start of a program and a look into the user database. What they say goes to a
// pipe.
Result<> run_map_programs(pid_t pid, const MapChoice& maps, const IdentityRequest& request) {
  struct Running {
    Child child;
    Pipe output;
    std::string name;
  };
  std::array<Running, 2> programs;
  const std::array<std::pair<const char*, const fs::IdMap*>, 2> jobs = {
      {{"newuidmap", &maps.uids}, {"newgidmap", &maps.gids}}};
  for (std::size_t index = 0; index < jobs.size(); ++index) {
    Running& program = programs[index];
    program.name = jobs[index].first;
    program.output = TRY(Pipe::create());
    Command command{.argv = map_arguments(program.name, proc_number(pid), *jobs[index].second),
                    .environment = std::vector<std::string>{},
                    .search_path = request.search_path};
    command.descriptors = {{&program.output.write, 1}, {&program.output.write, 2}};
    program.child = TRY(Child::spawn(command));
    program.output.write.reset();
  }
  std::optional<Error> first;
  for (Running& program : programs) {
    const std::string said = TRY(posix::read_fd(program.output.read, 64 * 1024));
    const ExitStatus status = TRY(program.child.wait());
    if (!status.success() && !first)
      first = Error(ErrorKind::denied, fmt::format("{} failed ({}): {}", program.name, status.to_string(),
                                                   printable(trim(said), 512)));
  }
  if (first) return std::unexpected(std::move(*first));
  return {};
}

}  // namespace

bool may_write_maps() {
  const auto capabilities = get_capabilities();
  constexpr CapabilitySet needed = capability_bit(CAP_SETUID) | capability_bit(CAP_SETGID);
  return capabilities && (capabilities->effective & needed) == needed;
}

Result<> write_id_maps(pid_t pid, const fs::IdMap& uids, const fs::IdMap& gids,
                       const std::string& search_path) {
  const MapChoice maps{.uids = uids, .gids = gids};
  if (may_write_maps()) {
    auto written = write_maps_itself(pid, maps);
    if (!written && written.error().code() == EPERM)
      return std::unexpected(std::move(written).error().hint(
          "each id of linux.uidMappings and linux.gidMappings must exist here: see /proc/self/uid_map"));
    return written;
  }
  // The one map that everybody may write, if in return nobody can leave groups.
  if (is_own_id(uids, ::geteuid()) && is_own_id(gids, ::getegid())) {
    TRY(write_map_file(pid, "setgroups", "deny"));
    return write_maps_itself(pid, maps);
  }
  return run_map_programs(pid, maps, {.search_path = search_path});
}

MapChoice choose_ranges(const IdentityRequest& request, uid_t uid, gid_t gid) {
  MapChoice choice;
  // Without a name the number stands for it: an empty one would match empty lines.
  const std::string name = request.user_name.empty() ? std::to_string(uid) : request.user_name;
  const auto uids = fs::parse_subid(request.subuid, name, uid);
  const auto gids = fs::parse_subid(request.subgid, name, uid);
  if (!uids || !gids) {
    choice.problem = fmt::format("{} is malformed ({})", uids ? "/etc/subgid" : "/etc/subuid",
                                 (uids ? gids : uids).error().message());
    choice.fix = "each line of it is NAME:FIRST:COUNT";
    return choice;
  }
  if (uids->empty() || gids->empty()) {
    choice.problem = fmt::format("there is no range for this user in {}",
                                 !uids->empty()   ? "/etc/subgid"
                                 : !gids->empty() ? "/etc/subuid"
                                                  : "/etc/subuid and /etc/subgid");
    choice.fix = ranges_fix(request, uid, uids->empty(), gids->empty());
    return choice;
  }
  choice.uids = fs::map_with_ranges(uid, *uids);
  choice.gids = fs::map_with_ranges(gid, *gids);
  return choice;
}

MapChoice choose_maps(const IdentityRequest& request, uid_t uid, gid_t gid) {
  MapChoice choice = choose_ranges(request, uid, gid);
  if (!choice.problem.empty()) return choice;
  for (const char* program : {"newuidmap", "newgidmap"}) {
    if (!find_program(program, request.search_path).empty()) continue;
    choice.problem = fmt::format("there is no program '{}'", program);
    choice.fix = "install the package uidmap (Debian, Ubuntu) or shadow-utils (Fedora)";
    return choice;
  }
  return choice;
}

fs::IdMap same_ids(const fs::IdMap& current) {
  fs::IdMap map = current;
  for (fs::IdRange& range : map) range.host_id = range.container_id;
  return map;
}

std::vector<std::string> map_arguments(const std::string& program, pid_t pid, const fs::IdMap& map) {
  std::vector<std::string> arguments = {program, std::to_string(pid)};
  for (const fs::IdRange& range : map) {
    arguments.push_back(std::to_string(range.container_id));
    arguments.push_back(std::to_string(range.host_id));
    arguments.push_back(std::to_string(range.size));
  }
  return arguments;
}

Result<MapHelper> MapHelper::start(Means means, const MapChoice& maps, const IdentityRequest& request) {
  SocketPair socket = TRY(SocketPair::create(SOCK_SEQPACKET));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot start the helper that writes the id maps");
  if (pid > 0) return MapHelper(pid, std::move(socket.ours));

  socket.ours.reset();
  char go = 0;
  // The end of the stream instead of the word: the parent gave up, or died.
  if (::recv(socket.theirs.get(), &go, 1, 0) != 1) ::_exit(0);
  const auto done =
      means == Means::itself ? write_maps_itself(parent, maps) : run_map_programs(parent, maps, request);
  const std::string answer = done ? std::string("\0", 1) : done.error().serialise();
  (void)!::send(socket.theirs.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  // Nothing of the parent's may be flushed or torn down a second time.
  ::_exit(0);
}

MapHelper::~MapHelper() {
  if (m_pid.value < 0) return;
  m_socket.reset();
  while (::waitpid(m_pid.value, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<> MapHelper::write_maps(const std::function<void()>& meanwhile) {
  if (::send(m_socket.get(), "g", 1, MSG_NOSIGNAL) != 1)
    return fail_errno("cannot tell the helper to write the id maps");
  if (meanwhile) meanwhile();
  std::string answer(64 * 1024, '\0');
  ssize_t size = 0;
  do size = ::recv(m_socket.get(), answer.data(), answer.size(), 0);
  while (size < 0 && errno == EINTR);
  if (size <= 0) return fail(ErrorKind::system, "the helper that writes the id maps died");
  answer.resize(static_cast<std::size_t>(size));
  if (answer.size() == 1) return {};
  std::optional<Error> error = Error::parse(answer);
  if (!error) return fail(ErrorKind::invalid, "the helper that writes the id maps failed and cannot say why");
  return std::unexpected(std::move(*error));
}

}  // namespace ecrin::run

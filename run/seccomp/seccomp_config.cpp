#include "run/seccomp/seccomp_config.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/seccomp/seccomp_compiler.hpp"

namespace ecrin::run {
namespace {

// Newer than some headers (Linux 5.7, 5.19).
constexpr std::uint64_t k_tsync_esrch = 1u << 4;
constexpr std::uint64_t k_wait_killable_recv = 1u << 5;

constexpr std::size_t k_most_instructions = BPF_MAXINSNS;
constexpr unsigned k_arguments = 6;

struct Action {
  std::string_view name;
  std::uint32_t value;
  bool has_errno;
};
constexpr std::array<Action, 9> k_actions = {{
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true},
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG, false},
    {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, false},
}};

struct Flag {
  std::string_view name;
  std::uint64_t value;
};
constexpr std::array<Flag, 5> k_flags = {{
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_NEW_LISTENER", SECCOMP_FILTER_FLAG_NEW_LISTENER},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", k_wait_killable_recv},
}};

struct Operator {
  std::string_view name;
  SeccompComparison comparison;
};
constexpr std::array<Operator, 7> k_operators = {{
    {"SCMP_CMP_NE", SeccompComparison::not_equal},
    {"SCMP_CMP_LT", SeccompComparison::less},
    {"SCMP_CMP_LE", SeccompComparison::less_or_equal},
    {"SCMP_CMP_EQ", SeccompComparison::equal},
    {"SCMP_CMP_GE", SeccompComparison::greater_or_equal},
    {"SCMP_CMP_GT", SeccompComparison::greater},
    {"SCMP_CMP_MASKED_EQ", SeccompComparison::masked_equal},
}};

Result<std::uint32_t> action_value(const std::string& name, const std::optional<unsigned>& errno_return) {
  const auto action = std::ranges::find(k_actions, name, &Action::name);
  if (action == k_actions.end())
    return fail(ErrorKind::invalid, "unknown action '{}' in linux.seccomp", printable(name));
  if (!action->has_errno) {
    if (errno_return && *errno_return != 0 && *errno_return != EPERM)
      return fail(ErrorKind::invalid, "the action '{}' in linux.seccomp returns no errno", name);
    return action->value;
  }
  const unsigned value = errno_return.value_or(EPERM);
  if (value > SECCOMP_RET_DATA)
    return fail(ErrorKind::invalid, "the errno {} in linux.seccomp is too large", value);
  return action->value | value;
}

enum class Notifies { no, yes };

Result<std::uint64_t> flag_values(const std::vector<std::string>& names, Notifies notifies) {
  std::uint64_t flags = 0;
  for (const std::string& name : names) {
    const auto flag = std::ranges::find(k_flags, name, &Flag::name);
    if (flag == k_flags.end())
      return fail(ErrorKind::invalid, "unknown flag '{}' in linux.seccomp", printable(name));
    flags |= flag->value;
  }
  if (notifies == Notifies::no)
    return flags & ~std::uint64_t{SECCOMP_FILTER_FLAG_NEW_LISTENER | k_wait_killable_recv};
  flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  // Both results of the call are one number, unless failures to synchronise are an error.
  if (flags & SECCOMP_FILTER_FLAG_TSYNC) flags |= k_tsync_esrch;
  return flags;
}

// "SCMP_ARCH_X86_64" to libseccomp's "x86_64".
Result<std::string> architecture_name(const std::string& name) {
  constexpr std::string_view prefix = "SCMP_ARCH_";
  if (!name.starts_with(prefix) || name.size() == prefix.size())
    return fail(ErrorKind::invalid, "unknown architecture '{}' in linux.seccomp", printable(name));
  std::string text = name.substr(prefix.size());
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

Result<std::vector<SeccompCondition>> conditions_of(const oci::SeccompRule& rule) {
  std::vector<SeccompCondition> conditions;
  for (const oci::SeccompArgument& argument : rule.args) {
    const auto found = std::ranges::find(k_operators, argument.operation, &Operator::name);
    if (found == k_operators.end())
      return fail(ErrorKind::invalid, "unknown operator '{}' in linux.seccomp",
                  printable(argument.operation));
    if (argument.index >= k_arguments)
      return fail(ErrorKind::invalid, "linux.seccomp names the argument {}: system calls have {}",
                  argument.index, k_arguments);
    conditions.push_back({.argument = argument.index,
                          .comparison = found->comparison,
                          .value = argument.value,
                          .second = argument.value_two});
  }
  return conditions;
}

// Conditions are joined by "and", which one argument twice cannot mean (a family that is 1 and 2): then each
// is a rule of its own, as in all runtimes.
bool names_argument_twice(const std::vector<SeccompCondition>& conditions) {
  std::array<unsigned, k_arguments> count{};
  for (const SeccompCondition& condition : conditions) ++count[condition.argument];
  return std::ranges::any_of(count, [](unsigned times) { return times > 1; });
}

Result<> add_rule(SeccompCompiler& compiler, const oci::SeccompRule& rule, std::uint32_t otherwise) {
  const std::uint32_t action = TRY(action_value(rule.action, rule.errno_return));
  const std::vector<SeccompCondition> conditions = TRY(conditions_of(rule));
  if (action == otherwise) return {};
  const bool separate = names_argument_twice(conditions);
  for (const std::string& name : rule.names) {
    if (!separate)
      TRY(compiler.add(name, action, conditions));
    else
      for (const SeccompCondition& condition : conditions) TRY(compiler.add(name, action, {&condition, 1}));
  }
  return {};
}

Result<Notifies> check_listener(const oci::SeccompConfig& config) {
  constexpr std::string_view notify = "SCMP_ACT_NOTIFY";
  if (config.default_action == notify)
    return fail(
        ErrorKind::unsupported,
        "linux.seccomp cannot notify of every system call: the listener itself is handed over by some");
  auto notifies = Notifies::no;
  for (const oci::SeccompRule& rule : config.rules) {
    if (rule.action != notify) continue;
    notifies = Notifies::yes;
    if (std::ranges::find(rule.names, "sendmsg") != rule.names.end())
      return fail(ErrorKind::unsupported,
                  "linux.seccomp cannot notify of sendmsg: the listener itself is handed over by it");
  }
  if (notifies == Notifies::yes && config.listener_path.empty())
    return fail(ErrorKind::invalid, "linux.seccomp has SCMP_ACT_NOTIFY and no listenerPath");
  return notifies;
}

// What a result depends on; not who listens.
std::string cache_key(const oci::SeccompConfig& config) {
  Encoder out;
  out.put(std::string_view("ecrin seccomp 1")).put(seccomp_library_version());
  out.put(config.default_action).put_flag(config.default_errno_return.has_value());
  out.put(std::uint64_t{config.default_errno_return.value_or(0)});
  out.put(config.architectures).put(std::uint64_t{config.rules.size()});
  for (const oci::SeccompRule& rule : config.rules) {
    out.put(rule.names).put(rule.action).put_flag(rule.errno_return.has_value());
    out.put(std::uint64_t{rule.errno_return.value_or(0)}).put(std::uint64_t{rule.args.size()});
    for (const oci::SeccompArgument& argument : rule.args) {
      out.put(std::uint64_t{argument.index}).put(argument.value).put(argument.value_two);
      out.put(argument.operation);
    }
  }
  return sha256_hex(out.bytes());
}

bool is_program(const std::string& bytes) {
  return !bytes.empty() && bytes.size() % sizeof(sock_filter) == 0 &&
         bytes.size() / sizeof(sock_filter) <= k_most_instructions;
}

Result<std::string> compile(const oci::SeccompConfig& config) {
  const std::uint32_t otherwise = TRY(action_value(config.default_action, config.default_errno_return));
  SeccompCompiler compiler = TRY(SeccompCompiler::create(otherwise));
  for (const std::string& name : config.architectures)
    TRY(compiler.add_architecture(TRY(architecture_name(name))));
  for (const oci::SeccompRule& rule : config.rules) TRY(add_rule(compiler, rule, otherwise));
  std::string program = TRY(compiler.bytes());
  if (!is_program(program))
    return fail(ErrorKind::limit,
                "the filter of linux.seccomp has more than the {} instructions of the kernel",
                k_most_instructions);
  return program;
}

Result<Fd> open_private_directory(const std::string& path) {
  TRY(posix::make_directories(path, 0700));
  Fd directory = TRY(posix::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(posix::check_own_directory(directory, path));
  return directory;
}

Result<std::string> read_cached(const Fd& directory, const std::string& name) {
  const Fd file = TRY(posix::open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  std::string program = TRY(posix::read_fd(file, k_most_instructions * sizeof(sock_filter)));
  if (!is_program(program)) return fail(ErrorKind::invalid, "'{}' is no filter", name);
  return program;
}

Result<> write_cached(const Fd& directory, const std::string& name, const std::string& program) {
  AtomicFile file = TRY(AtomicFile::create(directory, name, 0600));
  TRY(posix::write_full(file.file(), std::string_view(program)));
  return file.commit(AtomicFile::Sync::no);
}

}  // namespace

Result<SeccompFilter> compile_seccomp_config(const oci::SeccompConfig& config) {
  const std::uint64_t flags = TRY(flag_values(config.flags, TRY(check_listener(config))));
  return SeccompFilter{.program = TRY(compile(config)), .flags = flags};
}

Result<SeccompFilter> cached_seccomp_config(const oci::SeccompConfig& config, const std::string& directory) {
  const auto place = open_private_directory(directory);
  if (!place) {
    log::debug("no filters are kept: {}", place.error().message());
    return compile_seccomp_config(config);
  }
  const std::string name = cache_key(config);
  if (auto known = read_cached(*place, name)) {
    const std::uint64_t flags = TRY(flag_values(config.flags, TRY(check_listener(config))));
    return SeccompFilter{.program = std::move(*known), .flags = flags};
  }
  SeccompFilter filter = TRY(compile_seccomp_config(config));
  if (const auto written = write_cached(*place, name, filter.program); !written)
    log::debug("a filter is not kept: {}", written.error().message());
  return filter;
}

}  // namespace ecrin::run

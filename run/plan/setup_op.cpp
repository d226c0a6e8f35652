#include "run/plan/setup_op.hpp"

#include <utility>

#include "base/encoding.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_magic = "ecrin stage plan 3";
constexpr std::size_t k_smallest_op = 18 * 8;

void put_attributes(Encoder& out, const AttributeChange& change) {
  out.put(change.set).put(change.clear);
}

AttributeChange get_attributes(Decoder& in) {
  AttributeChange change;
  change.set = in.get_unsigned();
  change.clear = in.get_unsigned();
  return change;
}

void put_node(Encoder& out, const DeviceNode& node) {
  out.put(std::uint64_t{node.mode}).put(std::uint64_t{node.major}).put(std::uint64_t{node.minor});
  out.put(std::uint64_t{node.uid}).put(std::uint64_t{node.gid}).put_flag(node.required);
}

DeviceNode get_node(Decoder& in) {
  DeviceNode node;
  node.mode = static_cast<mode_t>(in.get_unsigned());
  node.major = static_cast<std::uint32_t>(in.get_unsigned());
  node.minor = static_cast<std::uint32_t>(in.get_unsigned());
  node.uid = static_cast<uid_t>(in.get_unsigned());
  node.gid = static_cast<gid_t>(in.get_unsigned());
  node.required = in.get_flag();
  return node;
}

void put_op(Encoder& out, const SetupOp& op) {
  out.put(std::to_underlying(op.kind)).put(op.target).put(op.source).put(op.type).put(op.options);
  put_attributes(out, op.attributes);
  put_attributes(out, op.recursive_attributes);
  out.put(std::uint64_t{op.propagation.size()});
  for (const std::uint64_t kind : op.propagation) out.put(kind);
  out.put_flag(op.recursive).put_flag(op.copy_up);
  out.put_flag(op.descriptor.has_value()).put(static_cast<std::uint64_t>(op.descriptor.value_or(0)));
  out.put_flag(op.node.has_value());
  if (op.node) put_node(out, *op.node);
  out.put(std::to_underlying(op.fallback)).put(op.host).put(op.hint);
}

SetupOp get_op(Decoder& in) {
  SetupOp op;
  op.kind = static_cast<SetupKind>(in.get_unsigned());
  op.target = in.get_string();
  op.source = in.get_string();
  op.type = in.get_string();
  op.options = in.get_strings();
  op.attributes = get_attributes(in);
  op.recursive_attributes = get_attributes(in);
  op.propagation.resize(in.get_count());
  for (std::uint64_t& kind : op.propagation) kind = in.get_unsigned();
  op.recursive = in.get_flag();
  op.copy_up = in.get_flag();
  const bool has_descriptor = in.get_flag();
  const auto descriptor = static_cast<int>(in.get_unsigned());
  if (has_descriptor) op.descriptor = descriptor;
  if (in.get_flag()) op.node = get_node(in);
  op.fallback = static_cast<SetupFallback>(in.get_unsigned());
  op.host = in.get_string();
  op.hint = in.get_string();
  return op;
}

void put_signed(Encoder& out, std::int64_t value) {
  out.put(static_cast<std::uint64_t>(value));
}
int get_int(Decoder& in) {
  return static_cast<int>(in.get_unsigned());
}

void put_sets(Encoder& out, const CapabilitySets& sets) {
  out.put(sets.bounding).put(sets.effective).put(sets.permitted).put(sets.inheritable).put(sets.ambient);
}

CapabilitySets get_sets(Decoder& in) {
  CapabilitySets sets;
  sets.bounding = in.get_unsigned();
  sets.effective = in.get_unsigned();
  sets.permitted = in.get_unsigned();
  sets.inheritable = in.get_unsigned();
  sets.ambient = in.get_unsigned();
  return sets;
}

void put_scheduling(Encoder& out, const ProcessPlan& process) {
  const SchedulerPlan scheduler = process.scheduler.value_or(SchedulerPlan{});
  out.put_flag(process.scheduler.has_value()).put(scheduler.policy).put(scheduler.flags);
  put_signed(out, scheduler.nice);
  put_signed(out, scheduler.priority);
  out.put(scheduler.runtime).put(scheduler.deadline).put(scheduler.period);
  out.put_flag(process.io_priority.has_value());
  put_signed(out, process.io_priority.value_or(0));
  out.put_flag(process.oom_score_adj.has_value());
  put_signed(out, process.oom_score_adj.value_or(0));
  out.put(process.stage_processors).put(process.processors);
}

void get_scheduling(Decoder& in, ProcessPlan& process) {
  const bool has_scheduler = in.get_flag();
  SchedulerPlan scheduler;
  scheduler.policy = in.get_unsigned();
  scheduler.flags = in.get_unsigned();
  scheduler.nice = get_int(in);
  scheduler.priority = get_int(in);
  scheduler.runtime = in.get_unsigned();
  scheduler.deadline = in.get_unsigned();
  scheduler.period = in.get_unsigned();
  if (has_scheduler) process.scheduler = scheduler;
  const bool has_io_priority = in.get_flag();
  const int io_priority = get_int(in);
  if (has_io_priority) process.io_priority = io_priority;
  const bool has_score = in.get_flag();
  const int score = get_int(in);
  if (has_score) process.oom_score_adj = score;
  process.stage_processors = in.get_string();
  process.processors = in.get_string();
}

void put_process(Encoder& out, const ProcessPlan& process) {
  out.put(process.args).put(process.env).put(process.cwd);
  out.put(std::uint64_t{process.uid}).put(std::uint64_t{process.gid});
  out.put(std::uint64_t{process.groups.size()});
  for (const gid_t group : process.groups) out.put(std::uint64_t{group});
  out.put_flag(process.set_groups).put_flag(process.umask.has_value());
  out.put(std::uint64_t{process.umask.value_or(0)});
  put_sets(out, process.capabilities);
  out.put(std::uint64_t{process.limits.size()});
  for (const ResourceLimit& limit : process.limits)
    out.put(static_cast<std::uint64_t>(limit.resource)).put(limit.soft).put(limit.hard);
  out.put_flag(process.no_new_privileges);
  put_scheduling(out, process);
  out.put_flag(process.personality.has_value()).put(process.personality.value_or(0));
  out.put(process.apparmor_profile).put(process.selinux_label).put_flag(process.terminal);
  out.put(std::uint64_t{process.console_size.height}).put(std::uint64_t{process.console_size.width});
  out.put(process.seccomp).put(process.seccomp_flags).put(process.owner_filter).put(process.ids_number);
  out.put(std::uint64_t{process.preserved.size()});
  for (const int number : process.preserved) put_signed(out, number);
  out.put_flag(process.new_keyring);
}

ProcessPlan get_process(Decoder& in) {
  ProcessPlan process;
  process.args = in.get_strings();
  process.env = in.get_strings();
  process.cwd = in.get_string();
  process.uid = static_cast<uid_t>(in.get_unsigned());
  process.gid = static_cast<gid_t>(in.get_unsigned());
  process.groups.resize(in.get_count());
  for (gid_t& group : process.groups) group = static_cast<gid_t>(in.get_unsigned());
  process.set_groups = in.get_flag();
  const bool has_umask = in.get_flag();
  const auto umask = static_cast<mode_t>(in.get_unsigned());
  if (has_umask) process.umask = umask;
  process.capabilities = get_sets(in);
  process.limits.resize(in.get_count(3 * 8));
  for (ResourceLimit& limit : process.limits) {
    limit.resource = get_int(in);
    limit.soft = in.get_unsigned();
    limit.hard = in.get_unsigned();
  }
  process.no_new_privileges = in.get_flag();
  get_scheduling(in, process);
  const bool has_personality = in.get_flag();
  const std::uint64_t personality = in.get_unsigned();
  if (has_personality) process.personality = personality;
  process.apparmor_profile = in.get_string();
  process.selinux_label = in.get_string();
  process.terminal = in.get_flag();
  process.console_size.height = static_cast<std::uint16_t>(in.get_unsigned());
  process.console_size.width = static_cast<std::uint16_t>(in.get_unsigned());
  process.seccomp = in.get_string();
  process.seccomp_flags = in.get_unsigned();
  process.owner_filter = in.get_string();
  process.ids_number = in.get_unsigned();
  process.preserved.resize(in.get_count());
  for (int& number : process.preserved) number = get_int(in);
  process.new_keyring = in.get_flag();
  return process;
}

void put_entry(Encoder& out, const EntryPlan& entry) {
  out.put(std::uint64_t{entry.joined.size()});
  for (const JoinedNamespace& joined : entry.joined) {
    out.put(joined.kind);
    put_signed(out, joined.descriptor);
  }
  out.put(entry.created).put(entry.time_offsets);
  put_signed(out, entry.root);
}

EntryPlan get_entry(Decoder& in) {
  EntryPlan entry;
  entry.joined.resize(in.get_count(2 * 8));
  for (JoinedNamespace& joined : entry.joined) {
    joined.kind = in.get_unsigned();
    joined.descriptor = get_int(in);
  }
  entry.created = in.get_unsigned();
  entry.time_offsets = in.get_string();
  entry.root = get_int(in);
  return entry;
}

void put_hooks(Encoder& out, const std::vector<oci::Hook>& hooks) {
  out.put(std::uint64_t{hooks.size()});
  for (const oci::Hook& hook : hooks) {
    out.put(hook.path).put(hook.args).put(hook.env).put_flag(hook.timeout.has_value());
    put_signed(out, hook.timeout.value_or(0));
  }
}

std::vector<oci::Hook> get_hooks(Decoder& in) {
  std::vector<oci::Hook> hooks(in.get_count(5 * 8));
  for (oci::Hook& hook : hooks) {
    hook.path = in.get_string();
    hook.args = in.get_strings();
    hook.env = in.get_strings();
    const bool has_timeout = in.get_flag();
    const int timeout = get_int(in);
    if (has_timeout) hook.timeout = timeout;
  }
  return hooks;
}

}  // namespace

std::string encode_plan(const SetupPlan& plan) {
  Encoder out;
  out.put(k_magic);
  put_entry(out, plan.entry);
  out.put(std::uint64_t{plan.ops.size()});
  for (const SetupOp& op : plan.ops) put_op(out, op);
  put_process(out, plan.process);
  out.put_flag(plan.init).put_flag(plan.pid_namespace).put_flag(plan.shares_mounts);
  out.put_flag(plan.reports_prepared);
  put_hooks(out, plan.create_container);
  put_hooks(out, plan.start_container);
  put_signed(out, plan.control);
  put_signed(out, plan.lifeline);
  put_signed(out, plan.gate);
  put_signed(out, plan.owners);
  put_signed(out, plan.listener);
  return out.bytes();
}

Result<SetupPlan> decode_plan(std::string_view bytes) {
  Decoder in(bytes);
  if (in.get_string() != k_magic) return fail(ErrorKind::invalid, "this is not a plan for the stage");
  SetupPlan plan;
  plan.entry = get_entry(in);
  plan.ops.resize(in.get_count(k_smallest_op));
  for (SetupOp& op : plan.ops) op = get_op(in);
  plan.process = get_process(in);
  plan.init = in.get_flag();
  plan.pid_namespace = in.get_flag();
  plan.shares_mounts = in.get_flag();
  plan.reports_prepared = in.get_flag();
  plan.create_container = get_hooks(in);
  plan.start_container = get_hooks(in);
  plan.control = get_int(in);
  plan.lifeline = get_int(in);
  plan.gate = get_int(in);
  plan.owners = get_int(in);
  plan.listener = get_int(in);
  if (!in.ok() || !in.at_end()) return fail(ErrorKind::invalid, "the stage's plan is damaged");
  for (const SetupOp& op : plan.ops)
    if (op.kind > k_last_setup_kind || op.fallback > SetupFallback::empty_directory)
      return fail(ErrorKind::invalid, "the stage's plan has an unknown operation");
  return plan;
}

std::string encode_states(const HookStates& states) {
  return Encoder().put(states.creating).put(states.created).put(states.listener).bytes();
}

Result<HookStates> decode_states(std::string_view bytes) {
  Decoder in(bytes);
  HookStates states;
  states.creating = in.get_string();
  states.created = in.get_string();
  states.listener = in.get_string();
  if (!in.ok() || !in.at_end()) return fail(ErrorKind::invalid, "the states for the hooks are damaged");
  return states;
}

}  // namespace ecrin::run

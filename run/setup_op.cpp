#include "run/setup_op.hpp"

#include <utility>

#include "base/encoding.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_magic = "ecrin stage plan 2";
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

void put_process(Encoder& out, const ProcessPlan& process) {
  out.put(process.args).put(process.env).put(process.cwd);
  out.put(std::uint64_t{process.uid}).put(std::uint64_t{process.gid});
  out.put(std::uint64_t{process.groups.size()});
  for (const gid_t group : process.groups) out.put(std::uint64_t{group});
  out.put_flag(process.set_groups).put_flag(process.umask.has_value());
  out.put(std::uint64_t{process.umask.value_or(0)}).put(process.capabilities);
  out.put(std::uint64_t{process.limits.size()});
  for (const ResourceLimit& limit : process.limits)
    out.put(static_cast<std::uint64_t>(limit.resource)).put(limit.soft).put(limit.hard);
  out.put_flag(process.no_new_privileges).put_flag(process.terminal);
  out.put(std::uint64_t{process.console_size.height}).put(std::uint64_t{process.console_size.width});
  out.put(process.seccomp).put(process.seccomp_flags);
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
  process.capabilities = in.get_unsigned();
  process.limits.resize(in.get_count(3 * 8));
  for (ResourceLimit& limit : process.limits) {
    limit.resource = static_cast<int>(in.get_unsigned());
    limit.soft = in.get_unsigned();
    limit.hard = in.get_unsigned();
  }
  process.no_new_privileges = in.get_flag();
  process.terminal = in.get_flag();
  process.console_size.height = static_cast<std::uint16_t>(in.get_unsigned());
  process.console_size.width = static_cast<std::uint16_t>(in.get_unsigned());
  process.seccomp = in.get_string();
  process.seccomp_flags = in.get_unsigned();
  return process;
}

}  // namespace

std::string encode_plan(const SetupPlan& plan) {
  Encoder out;
  out.put(k_magic).put(std::uint64_t{plan.ops.size()});
  for (const SetupOp& op : plan.ops) put_op(out, op);
  put_process(out, plan.process);
  out.put_flag(plan.init).put_flag(plan.pid_namespace);
  out.put(static_cast<std::uint64_t>(plan.control)).put(static_cast<std::uint64_t>(plan.lifeline));
  return out.bytes();
}

Result<SetupPlan> decode_plan(std::string_view bytes) {
  Decoder in(bytes);
  if (in.get_string() != k_magic) return fail(ErrorKind::invalid, "this is not a plan for the stage");
  SetupPlan plan;
  plan.ops.resize(in.get_count(k_smallest_op));
  for (SetupOp& op : plan.ops) op = get_op(in);
  plan.process = get_process(in);
  plan.init = in.get_flag();
  plan.pid_namespace = in.get_flag();
  plan.control = static_cast<int>(in.get_unsigned());
  plan.lifeline = static_cast<int>(in.get_unsigned());
  if (!in.ok() || !in.at_end()) return fail(ErrorKind::invalid, "the stage's plan is damaged");
  for (const SetupOp& op : plan.ops)
    if (op.kind > k_last_setup_kind || op.fallback > SetupFallback::empty_directory)
      return fail(ErrorKind::invalid, "the stage's plan has an unknown operation");
  return plan;
}

}  // namespace ecrin::run

// Calls about the ids of the program itself.
#include <array>
#include <cerrno>
#include <cstring>

#include "run/owners/call_context.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint32_t k_most_groups = 65536;  // NGROUPS_MAX

Result<CallAnswer> keep(const CallContext& call, const ProgramIds& ids, std::int64_t value = 0) {
  if (ids == call.ids) return answer_value(value);
  const auto number = call.table.number_of(ids);
  if (!number) return answer_error(EAGAIN);
  TRY(call.caller.is_waiting());
  TRY(call.caller.set_ids_number(*number));
  return answer_value(value);
}

Result<std::vector<gid_t>> read_groups(const CallContext& call) {
  std::vector<gid_t> groups(call.word(0));
  if (!groups.empty()) TRY(call.caller.read(call.address(1), std::as_writable_bytes(std::span(groups))));
  return groups;
}

Result<CallAnswer> tell_groups(const CallContext& call) {
  const std::vector<gid_t>& groups = call.ids.groups;
  const int room = call.descriptor(0);
  if (room < 0) return answer_error(EINVAL);
  if (room > 0) {
    if (groups.size() > static_cast<std::size_t>(room)) return answer_error(EINVAL);
    if (!groups.empty()) TRY(call.caller.write(call.address(1), std::as_bytes(std::span(groups))));
  }
  return answer_value(static_cast<std::int64_t>(groups.size()));
}

Result<CallAnswer> tell_three(const CallContext& call, std::array<std::uint32_t, 3> ids) {
  for (int index = 0; index < 3; ++index)
    TRY(call.caller.write(call.address(index),
                          std::as_bytes(std::span(&ids[static_cast<std::size_t>(index)], 1))));
  return answer_value();
}

}  // namespace

Result<CallAnswer> answer_ids(const CallContext& call, IdCall kind) {
  ProgramIds ids = call.ids;
  int error = 0;
  switch (kind) {
    case IdCall::getuid:
      return answer_value(ids.ruid);
    case IdCall::geteuid:
      return answer_value(ids.euid);
    case IdCall::getgid:
      return answer_value(ids.rgid);
    case IdCall::getegid:
      return answer_value(ids.egid);
    case IdCall::getresuid:
      return tell_three(call, {ids.ruid, ids.euid, ids.suid});
    case IdCall::getresgid:
      return tell_three(call, {ids.rgid, ids.egid, ids.sgid});
    case IdCall::getgroups:
      return tell_groups(call);
    case IdCall::setfsuid: {
      const uid_t before = set_file_user(ids, call.word(0));
      return keep(call, ids, before);
    }
    case IdCall::setfsgid: {
      const gid_t before = set_file_group(ids, call.word(0));
      return keep(call, ids, before);
    }
    case IdCall::setuid:
      error = set_user(ids, call.word(0));
      break;
    case IdCall::setgid:
      error = set_group(ids, call.word(0));
      break;
    case IdCall::setreuid:
      error = set_users(ids, call.word(0), call.word(1));
      break;
    case IdCall::setregid:
      error = set_groups_pair(ids, call.word(0), call.word(1));
      break;
    case IdCall::setresuid:
      error = set_all_users(ids, call.word(0), call.word(1), call.word(2));
      break;
    case IdCall::setresgid:
      error = set_all_groups(ids, call.word(0), call.word(1), call.word(2));
      break;
    case IdCall::keep_capabilities: {
      const bool keeps = call.word(1) != 0 && ids.is_privileged();
      ids.keeper = keeps ? call.caller.program() : 0;
      TRY(keep(call, ids));
      return CallAnswer();  // the kernel has capabilities of its own for it
    }
    case IdCall::setgroups:
      if (call.word(0) > k_most_groups) return answer_error(EINVAL);
      error = set_supplementary(ids, TRY(read_groups(call)));
      break;
  }
  if (error != 0) return answer_error(error);
  return keep(call, ids);
}

}  // namespace ecrin::run

// What the parts of owner_calls.cpp share: one call that is being answered.
#pragma once

#include <array>

#include "run/owners/owner_calls.hpp"

namespace ecrin::run {

struct CallContext {
  const Caller& caller;
  OwnerRecords& records;
  ProgramIdsTable& table;
  std::uint32_t number;  // of its ids; not known in calls that do not need them
  ProgramIds ids;
  std::array<std::uint64_t, 6> arguments;  // as the caller gave them

  int descriptor(int argument) const {
    return static_cast<int>(arguments[static_cast<std::size_t>(argument)]);
  }
  std::uint32_t word(int argument) const {
    return static_cast<std::uint32_t>(arguments[static_cast<std::size_t>(argument)]);
  }
  std::uint64_t address(int argument) const { return arguments[static_cast<std::size_t>(argument)]; }
};

inline CallAnswer answer_error(int code) {
  CallAnswer answer;
  answer.proceeds = false;
  answer.error = code;
  return answer;
}
inline CallAnswer answer_value(std::int64_t value = 0) {
  CallAnswer answer;
  answer.proceeds = false;
  answer.value = value;
  return answer;
}

/// Errors of these are the answer: their code.
Result<CallAnswer> change_owner(const CallContext& call, int directory, std::optional<std::uint64_t> path,
                                std::uint32_t uid, std::uint32_t gid, int flags);
Result<CallAnswer> make_node(const CallContext& call, int directory, std::uint64_t path, mode_t mode,
                             dev_t device);
Result<CallAnswer> make_directory(const CallContext& call, int directory, std::uint64_t path, mode_t mode);
Result<CallAnswer> make_symlink(const CallContext& call, std::uint64_t target, int directory,
                                std::uint64_t path);
Result<CallAnswer> create_file(const CallContext& call, int directory, std::uint64_t path, int flags,
                               mode_t mode);
/// Errors of these mean that the kernel shall answer.
Result<CallAnswer> move_name(const CallContext& call, int from_directory, std::uint64_t from,
                             int to_directory, std::uint64_t to, unsigned flags);
Result<CallAnswer> link_name(const CallContext& call, int from_directory, std::uint64_t from,
                             int to_directory, std::uint64_t to, int flags);
Result<CallAnswer> tell_status(const CallContext& call, int directory, std::optional<std::uint64_t> path,
                               std::uint64_t buffer, int flags);
Result<CallAnswer> tell_extended_status(const CallContext& call);
Result<CallAnswer> change_mount(const CallContext& call);          // mount(2)
Result<CallAnswer> change_mount_setting(const CallContext& call);  // fsconfig(2)

enum class IdCall {
  setuid,
  setgid,
  setreuid,
  setregid,
  setresuid,
  setresgid,
  setfsuid,
  setfsgid,
  setgroups,
  keep_capabilities,  // prctl(2)
  getuid,
  geteuid,
  getgid,
  getegid,
  getresuid,
  getresgid,
  getgroups,
};
Result<CallAnswer> answer_ids(const CallContext& call, IdCall kind);

}  // namespace ecrin::run

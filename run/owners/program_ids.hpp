// The ids of a program as it was told they are, where the kernel has one id for all: what setuid(2) and its
// companions would have done (credentials(7)), as pure code.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace ecrin::run {

struct ProgramIds {
  uid_t ruid = 0, euid = 0, suid = 0, fsuid = 0;
  gid_t rgid = 0, egid = 0, sgid = 0, fsgid = 0;
  std::vector<gid_t> groups;
  /// The program (Caller::program) that keeps its capabilities although it is not root any more
  /// (PR_SET_KEEPCAPS); 0: none. The next program does not.
  std::uint64_t keeper = 0;
  auto operator<=>(const ProgramIds&) const = default;

  bool is_privileged() const { return euid == 0 || keeper != 0; }
  bool has_group(gid_t gid) const;
};

constexpr std::uint32_t k_unchanged_id = ~0U;  // the -1 of setresuid(2)

/// Each changes the ids as the kernel would, or returns the errno. k_unchanged_id leaves one as it is.
int set_user(ProgramIds& ids, uid_t uid);
int set_users(ProgramIds& ids, uid_t real, uid_t effective);
int set_all_users(ProgramIds& ids, uid_t real, uid_t effective, uid_t saved);
int set_group(ProgramIds& ids, gid_t gid);
int set_groups_pair(ProgramIds& ids, gid_t real, gid_t effective);
int set_all_groups(ProgramIds& ids, gid_t real, gid_t effective, gid_t saved);
int set_supplementary(ProgramIds& ids, std::vector<gid_t> groups);
/// These return the former id, whether or not it was changed (setfsuid(2)).
uid_t set_file_user(ProgramIds& ids, uid_t uid);
gid_t set_file_group(ProgramIds& ids, gid_t gid);

/// Numbers for sets of ids: a process carries the number, and its children inherit it (see Caller). Number 0
/// is the first one. May be used by several threads.
class ProgramIdsTable {
public:
  explicit ProgramIdsTable(ProgramIds first);
  /// Nothing for a number that was never given.
  std::optional<ProgramIds> find(std::uint32_t number) const;
  /// Nothing when there are too many (k_limit).
  std::optional<std::uint32_t> number_of(const ProgramIds& ids);

  static constexpr std::uint32_t k_limit = 100'000;

private:
  mutable std::mutex m_mutex;
  std::vector<ProgramIds> m_sets;
  std::map<ProgramIds, std::uint32_t> m_numbers;
};

}  // namespace ecrin::run

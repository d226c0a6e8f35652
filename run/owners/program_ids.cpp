#include "run/owners/program_ids.hpp"

#include <algorithm>
#include <cerrno>

namespace ecrin::run {
namespace {

// Real, effective and saved id of one kind, users or groups.
struct Triple {
  std::uint32_t& real;
  std::uint32_t& effective;
  std::uint32_t& saved;
  std::uint32_t& file_system;
  bool privileged;

  bool knows(std::uint32_t id) const { return id == real || id == effective || id == saved; }

  int set_one(std::uint32_t id) {
    if (id == k_unchanged_id) return EINVAL;
    if (privileged) {
      real = saved = id;
    } else if (id != real && id != saved) {
      return EPERM;
    }
    effective = file_system = id;
    return 0;
  }

  int set_pair(std::uint32_t new_real, std::uint32_t new_effective) {
    const std::uint32_t old_real = real;
    if (!privileged) {
      if (new_real != k_unchanged_id && new_real != real && new_real != effective) return EPERM;
      if (new_effective != k_unchanged_id && !knows(new_effective)) return EPERM;
    }
    if (new_real != k_unchanged_id) real = new_real;
    if (new_effective != k_unchanged_id) effective = new_effective;
    if (new_real != k_unchanged_id || (new_effective != k_unchanged_id && new_effective != old_real))
      saved = effective;
    file_system = effective;
    return 0;
  }

  int set_three(std::uint32_t new_real, std::uint32_t new_effective, std::uint32_t new_saved) {
    if (!privileged)
      for (const std::uint32_t id : {new_real, new_effective, new_saved})
        if (id != k_unchanged_id && !knows(id)) return EPERM;
    if (new_real != k_unchanged_id) real = new_real;
    if (new_effective != k_unchanged_id) effective = new_effective;
    if (new_saved != k_unchanged_id) saved = new_saved;
    file_system = effective;
    return 0;
  }

  std::uint32_t set_file_system(std::uint32_t id) {
    const std::uint32_t before = file_system;
    if (id != k_unchanged_id && (privileged || knows(id) || id == file_system)) file_system = id;
    return before;
  }
};

Triple users(ProgramIds& ids) {
  return {ids.ruid, ids.euid, ids.suid, ids.fsuid, ids.is_privileged()};
}
Triple groups(ProgramIds& ids) {
  return {ids.rgid, ids.egid, ids.sgid, ids.fsgid, ids.is_privileged()};
}

}  // namespace

bool ProgramIds::has_group(gid_t gid) const {
  return gid == fsgid || std::ranges::find(groups, gid) != groups.end();
}

int set_user(ProgramIds& ids, uid_t uid) {
  return users(ids).set_one(uid);
}
int set_users(ProgramIds& ids, uid_t real, uid_t effective) {
  return users(ids).set_pair(real, effective);
}
int set_all_users(ProgramIds& ids, uid_t real, uid_t effective, uid_t saved) {
  return users(ids).set_three(real, effective, saved);
}
int set_group(ProgramIds& ids, gid_t gid) {
  return groups(ids).set_one(gid);
}
int set_groups_pair(ProgramIds& ids, gid_t real, gid_t effective) {
  return groups(ids).set_pair(real, effective);
}
int set_all_groups(ProgramIds& ids, gid_t real, gid_t effective, gid_t saved) {
  return groups(ids).set_three(real, effective, saved);
}

int set_supplementary(ProgramIds& ids, std::vector<gid_t> groups) {
  if (!ids.is_privileged()) return EPERM;
  if (std::ranges::find(groups, k_unchanged_id) != groups.end()) return EINVAL;
  std::ranges::sort(groups);
  ids.groups = std::move(groups);
  return 0;
}

uid_t set_file_user(ProgramIds& ids, uid_t uid) {
  return users(ids).set_file_system(uid);
}
gid_t set_file_group(ProgramIds& ids, gid_t gid) {
  return groups(ids).set_file_system(gid);
}

ProgramIdsTable::ProgramIdsTable(ProgramIds first) {
  m_numbers.emplace(first, 0);
  m_sets.push_back(std::move(first));
}

std::optional<ProgramIds> ProgramIdsTable::find(std::uint32_t number) const {
  const std::scoped_lock lock(m_mutex);
  if (number >= m_sets.size()) return std::nullopt;
  return m_sets[number];
}

std::optional<std::uint32_t> ProgramIdsTable::number_of(const ProgramIds& ids) {
  const std::scoped_lock lock(m_mutex);
  const auto known = m_numbers.find(ids);
  if (known != m_numbers.end()) return known->second;
  if (m_sets.size() >= k_limit) return std::nullopt;
  const auto number = static_cast<std::uint32_t>(m_sets.size());
  m_sets.push_back(ids);
  m_numbers.emplace(ids, number);
  return number;
}

}  // namespace ecrin::run

#include "run/owners/program_ids.hpp"

#include <cerrno>

#include "tests/support/catch.hpp"

using namespace ecrin::run;

namespace {

ProgramIds user(uid_t id) {
  ProgramIds ids;
  ids.ruid = ids.euid = ids.suid = ids.fsuid = id;
  ids.rgid = ids.egid = ids.sgid = ids.fsgid = id;
  return ids;
}

}  // namespace

TEST_CASE("root becomes anybody for good") {
  ProgramIds ids;
  CHECK(set_supplementary(ids, {9, 4}) == 0);
  CHECK(ids.groups == std::vector<gid_t>{4, 9});
  CHECK(set_all_groups(ids, 33, 33, 33) == 0);
  CHECK(set_all_users(ids, 33, 33, 33) == 0);
  CHECK(ids.fsuid == 33);
  CHECK(ids.fsgid == 33);
  CHECK(set_user(ids, 0) == EPERM);
  CHECK(set_users(ids, k_unchanged_id, 0) == EPERM);
  CHECK(set_all_users(ids, 0, k_unchanged_id, k_unchanged_id) == EPERM);
  CHECK(set_supplementary(ids, {}) == EPERM);
  CHECK(set_group(ids, 0) == EPERM);
  CHECK(set_user(ids, 33) == 0);
}

TEST_CASE("who kept the saved id comes back") {
  ProgramIds ids;
  CHECK(set_users(ids, k_unchanged_id, 33) == 0);  // seteuid(2)
  CHECK(ids.ruid == 0);
  CHECK(ids.euid == 33);
  CHECK(ids.suid == 33);  // the effective one changed to what the real one is not
  CHECK(set_users(ids, k_unchanged_id, 0) == 0);
  ProgramIds other;
  CHECK(set_all_users(other, k_unchanged_id, 33, k_unchanged_id) == 0);
  CHECK(other.suid == 0);
  CHECK(set_user(other, 0) == 0);
  CHECK(other.euid == 0);
}

TEST_CASE("setuid of a user moves the effective id alone") {
  ProgramIds ids = user(33);
  ids.suid = 34;
  CHECK(set_user(ids, 34) == 0);
  CHECK(ids.euid == 34);
  CHECK(ids.ruid == 33);
  CHECK(set_user(ids, 35) == EPERM);
  CHECK(set_user(ids, k_unchanged_id) == EINVAL);
}

TEST_CASE("the ids for files follow the effective ones and can be set alone") {
  ProgramIds ids;
  CHECK(set_file_user(ids, 33) == 0);
  CHECK(ids.fsuid == 33);
  CHECK(ids.euid == 0);
  CHECK(set_file_user(ids, k_unchanged_id) == 33);
  CHECK(ids.fsuid == 33);
  CHECK(set_all_users(ids, 1, 1, 1) == 0);
  CHECK(ids.fsuid == 1);
  CHECK(set_file_user(ids, 2) == 1);
  CHECK(ids.fsuid == 1);
}

TEST_CASE("sets of ids have numbers, the same one for the same set") {
  ProgramIdsTable table{ProgramIds()};
  CHECK(table.number_of(ProgramIds()) == 0);
  CHECK(table.number_of(user(33)) == 1);
  CHECK(table.number_of(user(34)) == 2);
  CHECK(table.number_of(user(33)) == 1);
  CHECK(table.find(2) == user(34));
  CHECK_FALSE(table.find(3));
}

TEST_CASE("who keeps the capabilities changes ids after root is gone") {
  ProgramIds ids;
  ids.keeper = 1;
  CHECK(set_all_users(ids, 33, 33, 33) == 0);
  CHECK(set_all_groups(ids, 33, 33, 33) == 0);
  CHECK(set_supplementary(ids, {}) == 0);
  ids.keeper = 0;
  CHECK(set_all_groups(ids, 0, 0, 0) == EPERM);
}

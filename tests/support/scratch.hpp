// Directories and files of tests. All lie under one directory of this user in /var/tmp (ecrin's stores need a
// real file system, which /tmp may not be).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.hpp"

namespace ecrin::tests {

/// A directory of one test's own; removed at the end with everything in it, also what belongs to other ids of
/// the user's ranges. ECRIN_TEST_KEEP=1 leaves it.
class Scratch {
public:
  Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();
  const std::string& path() const { return m_path; }
  std::string operator/(std::string_view name) const { return m_path + "/" + std::string(name); }

private:
  std::string m_path;
};

/// Makes the directories above it too.
void write_file(const std::string& path, std::string_view content, mode_t mode = 0644);
std::string read_file(const std::string& path);
void make_directory(const std::string& path, mode_t mode = 0755);
bool exists(const std::string& path);                             // also a dangling symlink
std::vector<std::string> names_in(const std::string& directory);  // sorted; empty when it is not there
/// Runs a program of the host as root of a user namespace with all of the user's ids.
Outcome run_with_all_ids(Arguments argv);
/// rm -rf as root of such a namespace.
void remove_all_ids(const std::string& path);
/// test-init's listing of a tree, as root of such a namespace: owners as a container sees them.
std::string list_tree(const std::string& directory, std::vector<std::string> flags = {});
/// The names of everything under `directory` (find), sorted, as root of such a namespace. For "nothing was
/// left behind".
std::vector<std::string> everything_in(const std::string& directory);

std::string trimmed(std::string_view text);
std::vector<std::string> lines_of(std::string_view text);  // without empty ones
bool contains(std::string_view text, std::string_view part);
/// The lines that only one of two listings has ("-" the first, "+" the second); "" when they are the same.
std::string difference(std::string_view first, std::string_view second);

}  // namespace ecrin::tests

// Programs of images that stand on the user's PATH: small scripts that call `ecrin enter --program`. The
// table `installed_programs` says where they are; the script's second line says that it is ours, and nothing
// else is ever overwritten or removed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/store.hpp"

namespace ecrin::cli {

struct InstalledProgram {
  std::string path;  // of the script, absolute
  std::string name;
  std::string image;
  std::int64_t created = 0;
};

/// Letters, digits, '_', '.', '+' and '-'; no '.' or '-' in front.
bool is_program_name(std::string_view name);
/// The script that runs these words with the caller's arguments after them.
std::string program_script(const InstalledProgram& program, const std::vector<std::string>& words);

class InstalledPrograms {
public:
  /// Makes the table.
  static Result<InstalledPrograms> open(Store& store);

  /// Writes the script; one of ours at the same place is replaced, anything else is a conflict.
  Result<> add(const InstalledProgram& program, const std::string& script);
  Result<std::vector<InstalledProgram>> list();  // by name
  /// Removes the script, if it is still ours, and forgets it.
  Result<> remove(const InstalledProgram& program);
  /// Is the script still there, and ours?
  static Result<bool> is_there(const InstalledProgram& program);

private:
  explicit InstalledPrograms(Store& store) : m_store(&store) {}
  Store* m_store;
};

}  // namespace ecrin::cli

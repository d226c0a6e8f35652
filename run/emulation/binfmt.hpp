// binfmt_misc: which interpreter the kernel starts for which files (Documentation/admin-guide/binfmt-misc).
//
// Since Linux 6.7 each user namespace may have an instance of its own, which exists while it is mounted. A
// program is looked up in one instance only: that of the nearest user namespace, upwards, which has one. So
// an instance of ours hides the host's, and takes over what the host's has.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "run/emulation/machine.hpp"

namespace ecrin::run {

/// One registration.
struct BinfmtEntry {
  bool enabled = true;
  std::string interpreter;  // path
  std::string flags;        // letters
  std::string extension;    // of names; "": it goes by the content
  std::uint64_t offset = 0;
  std::string magic;  // bytes
  std::string mask;   // as many; "": all bits count
  bool operator==(const BinfmtEntry&) const = default;
};

/// ELF files of the machine, executables and position independent ones, of any system's ABI.
BinfmtEntry binfmt_entry(const Machine& machine, const std::string& interpreter);
/// The text of a file in a mounted instance; nothing when it is none of a registration.
std::optional<BinfmtEntry> parse_binfmt_entry(std::string_view text);
/// What is written to "register" for it.
Result<std::string> binfmt_registration(std::string_view name, const BinfmtEntry& entry);

/// The instance of the user namespace that this process is in. Others of the same user namespace have the
/// same one.
class BinfmtInstance {
public:
  /// With what the host's has, as far as it can be repeated. Never in the host's own user namespace, where a
  /// registration would be everybody's. Errors have the kernel's errno.
  static Result<BinfmtInstance> open();
  /// One of that name which is there already is good.
  Result<> add(const std::string& name, const BinfmtEntry& entry) const;

private:
  explicit BinfmtInstance(Fd mount) : m_mount(std::move(mount)) {}
  void repeat_those_of_host() const;
  Fd m_mount;
};

}  // namespace ecrin::run

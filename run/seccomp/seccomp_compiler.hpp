// From rules about system calls to a BPF program for seccomp(2); the only user of libseccomp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::run {

enum class SeccompComparison {
  not_equal,
  less,
  less_or_equal,
  equal,
  greater_or_equal,
  greater,
  masked_equal
};

struct SeccompCondition {
  unsigned argument = 0;  // 0 to 5
  SeccompComparison comparison = SeccompComparison::equal;
  std::uint64_t value = 0;   // masked_equal: the mask
  std::uint64_t second = 0;  // masked_equal: what is left of the argument under the mask
};

/// Actions are the kernel's values: SECCOMP_RET_* of linux/seccomp.h.
class SeccompCompiler {
public:
  /// For the machine's own architecture; `otherwise` is the action for what no rule is about.
  static Result<SeccompCompiler> create(std::uint32_t otherwise);

  /// One more ABI whose programs are filtered, by libseccomp's name: "x86", "x32", "arm".
  Result<> add_architecture(const std::string& name);
  /// Programs for all other ABIs are not filtered. Else they are killed.
  Result<> pass_other_architectures();
  /// All conditions must hold. A system call that this libseccomp does not know cannot be in the filter: it
  /// falls under the default.
  Result<> add(std::string_view name, std::uint32_t action,
               std::span<const SeccompCondition> conditions = {});
  /// The bytes of an array of sock_filter.
  Result<std::string> bytes() const;

private:
  struct Release {
    void operator()(void* context) const;
  };
  explicit SeccompCompiler(void* context) : m_context(context) {}
  std::unique_ptr<void, Release> m_context;
};

/// Filters of another version of the library may differ: "2.5.4".
std::string seccomp_library_version();

}  // namespace ecrin::run

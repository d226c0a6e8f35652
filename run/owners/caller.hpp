// A thread that waits for the answer to a system call of its (seccomp_unotify(2)): its memory, its view of
// the file tree, and the number of its ids (program_ids.hpp). Everything about it is a guess until
// is_waiting() says so afterwards: it may be killed and its number given to another one.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/fd.hpp"

namespace ecrin::run {

enum class FinalSymlink { follow, stay };
/// answered: its root directory has no files of the kernel, those that it names are ours
/// (chroot/host_calls.hpp).
enum class KernelFiles { mounted, answered };

/// Where a name is to be made.
struct NewName {
  Fd directory;  // O_PATH
  std::string name;
};

class Caller {
public:
  /// `thread`: as this process sees it; `notification`: the listener's number for its call.
  Caller(const Fd& listener, std::uint64_t notification, pid_t thread,
         KernelFiles kernel_files = KernelFiles::mounted)
      : m_listener(listener), m_notification(notification), m_thread(thread), m_kernel_files(kernel_files) {}

  /// Fails when it is gone (or was interrupted): to be asked between looking and acting.
  Result<> is_waiting() const;

  Result<> read(std::uint64_t address, std::span<std::byte> bytes) const;
  Result<> write(std::uint64_t address, std::span<const std::byte> bytes) const;
  /// A text that ends with a zero byte. EFAULT, ENAMETOOLONG.
  Result<std::string> read_path(std::uint64_t address) const;

  /// The file that the path leads to, for it: O_PATH. `directory` is AT_FDCWD or a descriptor of its.
  Result<Fd> open(int directory, const std::string& path, FinalSymlink final) const;
  /// What a descriptor of its is: O_PATH.
  Result<Fd> open_descriptor(int number) const;
  /// The directory that the path's last component is in; it need not exist. EEXIST when the path has none.
  Result<NewName> open_parent(int directory, const std::string& path) const;

  Result<mode_t> umask() const;
  /// A number that children inherit and that lasts over execve(2): the thread's timer slack is used for it,
  /// some nanoseconds more than the usual one.
  std::uint32_t ids_number() const;
  Result<> set_ids_number(std::uint32_t number) const;

  /// Tells the program that it executes from those before and after it, although they may have the same file:
  /// an emulator's. Children have the same. 0: not known.
  std::uint64_t program() const;

private:
  std::string proc(std::string_view name) const;
  Result<Fd> base_of(int directory) const;
  Result<Fd> open_in_view(const Fd& base, const std::string& path, int flags) const;
  const Fd& m_listener;
  std::uint64_t m_notification;
  pid_t m_thread;
  KernelFiles m_kernel_files;
};

}  // namespace ecrin::run

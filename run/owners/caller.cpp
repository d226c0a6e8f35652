#include "run/owners/caller.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cstring>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/chroot/host_paths.hpp"
#include "run/plan/setup_op.hpp"
#include "run/proc_number.hpp"
#include "run/process_stat.hpp"

namespace ecrin::run {
namespace {

constexpr std::size_t k_page = 4096;

Result<Fd> open_beneath(const Fd& base, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long opened = ::syscall(SYS_openat2, base.get(), path.c_str(), &how, sizeof how);
  if (opened < 0) return fail_errno("cannot open '{}'", printable(path));
  return Fd(static_cast<int>(opened));
}

// Where a descriptor of ours leads to, as a path in the mount namespace that it is in.
Result<std::string> path_of(const Fd& file) {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink(posix::fd_path(file).c_str(), path.data(), path.size());
  if (size < 0) return fail_errno("cannot read where a descriptor leads to");
  if (static_cast<std::size_t>(size) == path.size())
    return std::unexpected(Error::from_errno(ENAMETOOLONG, "cannot read where a descriptor leads to"));
  return std::string(path.data(), static_cast<std::size_t>(size));
}

}  // namespace

std::string Caller::proc(std::string_view name) const {
  return fmt::format("/proc/{}/{}", proc_number(m_thread), name);
}

Result<> Caller::is_waiting() const {
  if (::ioctl(m_listener.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &m_notification) == 0) return {};
  return fail_errno("process {} does not wait any more", m_thread);
}

Result<> Caller::read(std::uint64_t address, std::span<std::byte> bytes) const {
  const iovec ours{.iov_base = bytes.data(), .iov_len = bytes.size()};
  const iovec theirs{.iov_base = reinterpret_cast<void*>(address), .iov_len = bytes.size()};
  const ssize_t size = ::process_vm_readv(m_thread, &ours, 1, &theirs, 1, 0);
  if (size < 0) return fail_errno("cannot read the memory of process {}", m_thread);
  if (static_cast<std::size_t>(size) != bytes.size())
    return std::unexpected(Error::from_errno(EFAULT, "cannot read the memory of a process"));
  return {};
}

Result<> Caller::write(std::uint64_t address, std::span<const std::byte> bytes) const {
  TRY(is_waiting());
  const iovec ours{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  const iovec theirs{.iov_base = reinterpret_cast<void*>(address), .iov_len = bytes.size()};
  const ssize_t size = ::process_vm_writev(m_thread, &ours, 1, &theirs, 1, 0);
  if (size < 0) return fail_errno("cannot write to the memory of process {}", m_thread);
  if (static_cast<std::size_t>(size) != bytes.size())
    return std::unexpected(Error::from_errno(EFAULT, "cannot write to the memory of a process"));
  return {};
}

Result<std::string> Caller::read_path(std::uint64_t address) const {
  std::string path;
  std::array<std::byte, k_page> page{};
  while (path.size() < PATH_MAX) {
    // Never over the end of a page: the next one may not be there.
    const std::size_t part = k_page - (address + path.size()) % k_page;
    TRY(read(address + path.size(), std::span(page).first(part)));
    const char* text = reinterpret_cast<const char*>(page.data());
    const std::size_t size = ::strnlen(text, part);
    path.append(text, size);
    if (size < part) break;
  }
  if (path.size() >= PATH_MAX)
    return std::unexpected(Error::from_errno(ENAMETOOLONG, "cannot read a path of a process"));
  return path;
}

Result<Fd> Caller::base_of(int directory) const {
  if (directory == AT_FDCWD) return posix::open(proc("cwd"), O_PATH);
  return open_descriptor(directory);
}

Result<Fd> Caller::open_descriptor(int number) const {
  auto opened = posix::open(proc(fmt::format("fd/{}", number)), O_PATH);
  if (!opened && opened.error().code() == ENOENT)
    return std::unexpected(Error::from_errno(EBADF, "cannot find a descriptor of a process"));
  return opened;
}

// A relative path that leaves its directory, upwards or by a symlink that is absolute, has to be resolved
// from the root: with the directory's own path before it.
Result<Fd> Caller::open_in_view(const Fd& base, const std::string& path, int flags) const {
  auto opened = open_beneath(base, path, flags);
  if (opened || opened.error().code() != EXDEV) return opened;
  const Fd root = TRY(posix::open(proc("root"), O_PATH));
  const std::string above = TRY(path_of(root));
  std::string place = TRY(path_of(base));
  if (above != "/") {
    if (!place.starts_with(above + "/") && place != above)
      return std::unexpected(Error::from_errno(ENOENT, "a directory is outside the root"));
    place.erase(0, above.size());
  }
  return posix::open_in_root(root, place + "/" + path, flags);
}

Result<Fd> Caller::open(int directory, const std::string& path, FinalSymlink final) const {
  if (path.empty()) return std::unexpected(Error::from_errno(ENOENT, "a path is empty"));
  const int flags = O_PATH | (final == FinalSymlink::stay ? O_NOFOLLOW : 0);
  if (m_kernel_files == KernelFiles::answered) {
    const pid_t thread = proc_number(m_thread);
    const auto ours = host_path(path, thread, thread, final);
    if (ours && !has_stand_in(*ours)) return posix::open(*ours, flags);
  }
  if (path.front() == '/') return posix::open_in_root(TRY(posix::open(proc("root"), O_PATH)), path, flags);
  const Fd base = TRY(base_of(directory));
  return open_in_view(base, path, flags);
}

Result<NewName> Caller::open_parent(int directory, const std::string& path) const {
  std::string text = path;
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  const std::size_t slash = text.rfind('/');
  NewName place;
  place.name = slash == std::string::npos ? text : text.substr(slash + 1);
  if (text.empty()) return std::unexpected(Error::from_errno(ENOENT, "a path is empty"));
  if (place.name.empty() || place.name == "." || place.name == "..")
    return std::unexpected(Error::from_errno(EEXIST, "a path has no last name"));
  const std::string above = slash == std::string::npos ? "." : slash == 0 ? "/" : text.substr(0, slash);
  place.directory = TRY(open(directory, above, FinalSymlink::follow));
  return place;
}

Result<mode_t> Caller::umask() const {
  const std::string status = TRY(posix::read_file(proc("status")));
  constexpr std::string_view k_key = "\nUmask:\t";
  const std::size_t found = status.find(k_key);
  unsigned value = 0;
  if (found == std::string::npos) return fail(ErrorKind::unsupported, "the kernel does not tell the umask");
  const char* begin = status.data() + found + k_key.size();
  std::from_chars(begin, status.data() + status.size(), value, 8);
  return static_cast<mode_t>(value & 0777);
}

std::uint32_t Caller::ids_number() const {
  const auto text = posix::read_file(proc("timerslack_ns"), 64);
  std::uint64_t slack = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), slack).ec != std::errc()) return 0;
  if (slack < k_usual_timer_slack || slack - k_usual_timer_slack > UINT32_MAX) return 0;
  return static_cast<std::uint32_t>(slack - k_usual_timer_slack);
}

Result<> Caller::set_ids_number(std::uint32_t number) const {
  const Fd file = TRY(posix::open(proc("timerslack_ns"), O_WRONLY));
  return posix::write_full(file, std::to_string(k_usual_timer_slack + number));
}

std::uint64_t Caller::program() const {
  struct stat status {};
  if (::stat(proc("exe").c_str(), &status) != 0) return 0;
  const auto text = posix::read_file(proc("stat"), k_page);
  const auto process = parse_process_stat(text.value_or(""));
  return status.st_ino ^ (process ? process->start_of_stack : 0);
}

}  // namespace ecrin::run

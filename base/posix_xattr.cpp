// Extended attributes. There are no *at calls for them before Linux 6.13, so names go through
// /proc/self/fd/N/name, whose last part lgetxattr and its sisters never follow. Only listing and reading,
// which are done for every file and nearly always find nothing, ask the new calls first: they do not walk
// through /proc.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/posix_internal.hpp"
#include "base/text.hpp"

namespace ecrin::posix {
namespace {

std::string path_at(const Fd& dir, const std::string& name) {
  return fmt::format("{}/{}", fd_path(dir), name);
}

// Calls `get(buffer, size)` with a buffer that is large enough, also when the attribute grows in between.
template <class F>
ssize_t get_growing(F get, std::string& bytes) {
  for (;;) {
    const ssize_t size = get(nullptr, 0);
    if (size < 0) return size;
    bytes.resize(static_cast<std::size_t>(size));
    if (size == 0) return 0;
    const ssize_t length = get(bytes.data(), bytes.size());
    if (length >= 0) {
      bytes.resize(static_cast<std::size_t>(length));
      return length;
    }
    if (errno != ERANGE) return length;
  }
}

// A call that the kernel, or a filter around us, may not know: then nothing, from now on.
template <class Call>
std::optional<ssize_t> if_known(std::atomic<bool>& is_known, Call call) {
  if (!is_known.load(std::memory_order_relaxed)) return std::nullopt;
  const long length = call();
  // A file never refuses to be listed or read with EPERM, but filters do.
  if (length >= 0 || (errno != ENOSYS && errno != EPERM)) return length;
  is_known.store(false, std::memory_order_relaxed);
  return std::nullopt;
}

// Their numbers are the same on all architectures; the headers of Debian 12 do not have them.
constexpr long k_getxattrat = 464;
constexpr long k_listxattrat = 465;

std::optional<ssize_t> list_at(const Fd& dir, const std::string& name, char* buffer, std::size_t size) {
  static std::atomic<bool> is_known = true;
  return if_known(is_known, [&] {
    return ::syscall(k_listxattrat, dir.get(), name.c_str(), unsigned{AT_SYMLINK_NOFOLLOW}, buffer, size);
  });
}

std::optional<ssize_t> get_at(const Fd& dir, const std::string& name, const std::string& key, char* buffer,
                              std::size_t size) {
  static std::atomic<bool> is_known = true;
  struct {
    std::uint64_t value;
    std::uint32_t size;
    std::uint32_t flags;
  } arguments{.value = reinterpret_cast<std::uintptr_t>(buffer),
              .size = static_cast<std::uint32_t>(size),
              .flags = 0};
  return if_known(is_known, [&] {
    return ::syscall(k_getxattrat, dir.get(), name.c_str(), unsigned{AT_SYMLINK_NOFOLLOW}, key.c_str(),
                     &arguments, sizeof arguments);
  });
}

// `list` and `get` are the calls for one file.
template <class List, class Get, class Describe>
Result<std::vector<Xattr>> list_with(List list, Get get, Describe file) {
  std::string names;
  if (get_growing(list, names) < 0) {
    if (errno == ENOTSUP) return std::vector<Xattr>{};
    const int code = errno;
    return std::unexpected(
        Error::from_errno(code, fmt::format("cannot list the extended attributes of '{}'", file())));
  }
  std::vector<Xattr> xattrs;
  for (std::size_t start = 0; start < names.size();) {
    const std::size_t end = std::min(names.find('\0', start), names.size());
    Xattr xattr{.name = names.substr(start, end - start), .value = {}};
    start = end + 1;
    const auto get_value = [&](char* buffer, std::size_t size) {
      return get(xattr.name.c_str(), buffer, size);
    };
    if (get_growing(get_value, xattr.value) < 0) {
      if (errno == ENODATA) continue;  // removed since
      const int code = errno;
      return std::unexpected(Error::from_errno(
          code,
          fmt::format("cannot read the extended attribute '{}' of '{}'", printable(xattr.name), file())));
    }
    xattrs.push_back(std::move(xattr));
  }
  std::ranges::sort(xattrs, {}, &Xattr::name);
  return xattrs;
}

}  // namespace

Result<std::vector<Xattr>> list_xattrs(const Fd& fd) {
  const auto file = [&] { return describe(fd); };
  // An O_PATH descriptor answers EBADF; its link in /proc leads to the very file, even if that is a symlink.
  if (::flistxattr(fd.get(), nullptr, 0) < 0 && errno == EBADF) {
    const std::string path = fd_path(fd);
    return list_with([&](char* buffer, std::size_t size) { return ::listxattr(path.c_str(), buffer, size); },
                     [&](const char* key, char* buffer, std::size_t size) {
                       return ::getxattr(path.c_str(), key, buffer, size);
                     },
                     file);
  }
  return list_with([&](char* buffer, std::size_t size) { return ::flistxattr(fd.get(), buffer, size); },
                   [&](const char* key, char* buffer, std::size_t size) {
                     return ::fgetxattr(fd.get(), key, buffer, size);
                   },
                   file);
}

Result<std::vector<Xattr>> list_xattrs_at(const Fd& dir, const std::string& name) {
  return list_with(
      [&](char* buffer, std::size_t size) {
        if (const auto length = list_at(dir, name, buffer, size)) return *length;
        return ::llistxattr(path_at(dir, name).c_str(), buffer, size);
      },
      [&](const char* key, char* buffer, std::size_t size) {
        return ::lgetxattr(path_at(dir, name).c_str(), key, buffer, size);
      },
      [&] { return printable(name); });
}

Result<> set_xattr_at(const Fd& dir, const std::string& name, const std::string& key,
                      std::string_view value) {
  if (::lsetxattr(path_at(dir, name).c_str(), key.c_str(), value.data(), value.size(), 0) != 0) {
    return fail_errno("cannot set the extended attribute '{}' of '{}'", printable(key), printable(name));
  }
  return {};
}

Result<> remove_xattr_at(const Fd& dir, const std::string& name, const std::string& key) {
  if (::lremovexattr(path_at(dir, name).c_str(), key.c_str()) != 0) {
    return fail_errno("cannot remove the extended attribute '{}' of '{}'", printable(key), printable(name));
  }
  return {};
}

Result<std::optional<std::string>> get_xattr_at(const Fd& dir, const std::string& name,
                                                const std::string& key) {
  std::string value;
  const auto get = [&](char* buffer, std::size_t size) -> ssize_t {
    if (const auto length = get_at(dir, name, key, buffer, size)) return *length;
    return ::lgetxattr(path_at(dir, name).c_str(), key.c_str(), buffer, size);
  };
  if (get_growing(get, value) < 0) {
    if (errno == ENODATA || errno == ENOTSUP) return std::nullopt;
    return fail_errno("cannot read the extended attribute '{}' of '{}'", printable(key), printable(name));
  }
  return value;
}

}  // namespace ecrin::posix

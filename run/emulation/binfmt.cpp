#include "run/emulation/binfmt.hpp"

#include <elf.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/emulation/detached_mount.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_host_instance = "/proc/sys/fs/binfmt_misc";
constexpr std::uint64_t k_entry_limit = 64 * 1024;
constexpr ino_t k_first_user_namespace = 0xEFFFFFFD;  // the number is part of the kernel's ABI
// The kernel opens the interpreter once and for all (F), gives it the program as a descriptor (O), takes the
// owner and the capabilities of the program (C: an emulator that is not the image's own cannot be turned
// against it), and tells it the program's own name for itself (P).
constexpr std::string_view k_emulator_flags = "POCF";

// In the byte order of the file.
void put_number(std::string& bytes, std::size_t place, std::uint16_t value, ByteOrder order) {
  const bool is_little = order == ByteOrder::little_end;
  bytes[place + (is_little ? 0 : 1)] = static_cast<char>(value);
  bytes[place + (is_little ? 1 : 0)] = static_cast<char>(value >> 8);
}

std::string escaped(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  std::string bytes;
  if (text.size() % 2 != 0) return {};
  for (std::size_t index = 0; index < text.size(); index += 2) {
    int value = 0;
    for (const char digit : text.substr(index, 2)) {
      const bool is_decimal = digit >= '0' && digit <= '9';
      if (!is_decimal && (digit < 'a' || digit > 'f')) return {};
      value = value * 16 + (is_decimal ? digit - '0' : digit - 'a' + 10);
    }
    bytes += static_cast<char>(value);
  }
  return bytes;
}

Result<> check_own_user_namespace() {
  const struct stat own = TRY(posix::stat_fd(TRY(posix::open("/proc/self/ns/user", O_RDONLY))));
  if (own.st_ino != k_first_user_namespace) return {};
  return fail(ErrorKind::denied, "this process has no user namespace of its own");
}

}  // namespace

BinfmtEntry binfmt_entry(const Machine& machine, const std::string& interpreter) {
  BinfmtEntry entry{.interpreter = interpreter, .flags = std::string(k_emulator_flags)};
  entry.magic.assign(k_elf_kind_size, '\0');
  entry.mask.assign(k_elf_kind_size, '\0');
  const auto put_byte = [&](std::size_t place, int value) {
    entry.magic[place] = static_cast<char>(value);
    entry.mask[place] = '\xff';
  };
  for (std::size_t index = 0; index < SELFMAG; ++index) put_byte(index, ELFMAG[index]);
  put_byte(EI_CLASS, static_cast<int>(machine.elf.bits));
  put_byte(EI_DATA, static_cast<int>(machine.elf.order));
  put_byte(EI_VERSION, EV_CURRENT);
  // ET_EXEC and ET_DYN differ in the last bit.
  put_number(entry.magic, offsetof(Elf64_Ehdr, e_type), ET_EXEC, machine.elf.order);
  put_number(entry.mask, offsetof(Elf64_Ehdr, e_type), 0xfffe, machine.elf.order);
  put_number(entry.magic, offsetof(Elf64_Ehdr, e_machine), machine.elf.machine, machine.elf.order);
  put_number(entry.mask, offsetof(Elf64_Ehdr, e_machine), 0xffff, machine.elf.order);
  return entry;
}

std::optional<BinfmtEntry> parse_binfmt_entry(std::string_view text) {
  BinfmtEntry entry;
  bool has_state = false;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t space = line.find(' ');
    const std::string word = line.substr(0, space);
    const std::string value = space == std::string::npos ? "" : line.substr(space + 1);
    if (word == "enabled" || word == "disabled") {
      entry.enabled = word == "enabled";
      has_state = true;
    } else if (word == "interpreter") {
      entry.interpreter = value;
    } else if (word == "flags:") {
      entry.flags = value;
    } else if (word == "extension") {
      entry.extension = value.starts_with('.') ? value.substr(1) : value;
    } else if (word == "offset") {
      const auto offset = parse_unsigned(value);
      if (!offset) return {};
      entry.offset = *offset;
    } else if (word == "magic" || word == "mask") {
      auto bytes = from_hex(value);
      if (!bytes) return {};
      (word == "magic" ? entry.magic : entry.mask) = std::move(*bytes);
    }
  }
  if (!has_state || entry.interpreter.empty() || entry.magic.empty() == entry.extension.empty()) return {};
  return entry;
}

Result<std::string> binfmt_registration(std::string_view name, const BinfmtEntry& entry) {
  // Whatever comes first separates the fields, so it must be in none of them.
  for (const char separator : std::string_view(":|;,\t")) {
    const auto has = [&](std::string_view field) { return field.find(separator) != std::string_view::npos; };
    if (has(name) || has(entry.interpreter) || has(entry.extension)) continue;
    const bool by_name = !entry.extension.empty();
    const std::string fields[] = {
        "",
        std::string(name),
        by_name ? "E" : "M",
        by_name || entry.offset == 0 ? "" : std::to_string(entry.offset),
        by_name ? entry.extension : escaped(entry.magic),
        by_name ? "" : escaped(entry.mask),
        entry.interpreter,
        entry.flags,
    };
    return join(fields, std::string_view(&separator, 1));
  }
  return fail(ErrorKind::unsupported, "no name with all of ':|;,' and a tabulator can be registered: '{}'",
              printable(entry.interpreter));
}

Result<BinfmtInstance> BinfmtInstance::open() {
  TRY(check_own_user_namespace());
  BinfmtInstance instance(TRY(mount_detached("binfmt_misc")));
  instance.repeat_those_of_host();
  return instance;
}

Result<> BinfmtInstance::add(const std::string& name, const BinfmtEntry& entry) const {
  const std::string text = TRY(binfmt_registration(name, entry));
  const Fd file = TRY(posix::open_at(m_mount, "register", O_WRONLY));
  auto written = posix::write_full(file, std::string_view(text));
  if (!written && written.error().code() != EEXIST)
    return std::unexpected(std::move(written).error().context("registering '" + printable(name) + "'"));
  return {};
}

// Whoever looks must not make an automounter mount it. What the kernel does not take again (an interpreter
// that only the host's kernel has open, say) is of no use here.
void BinfmtInstance::repeat_those_of_host() const {
  const auto place = posix::open(k_host_instance, O_PATH);
  struct statfs status {};
  if (!place || ::fstatfs(place->get(), &status) != 0 || status.f_type != BINFMTFS_MAGIC) return;
  const auto entries = posix::list_directory(*place);
  if (!entries) return;
  for (const auto& [name, inode, type] : *entries) {
    if (name == "register" || name == "status") continue;
    const auto file = posix::open_at(*place, name, O_RDONLY);
    const auto text = file ? posix::read_fd(*file, k_entry_limit) : Result<std::string>("");
    const auto entry = parse_binfmt_entry(text.value_or(""));
    if (!entry || !entry->enabled) continue;
    if (const auto added = add(name, *entry); !added)
      log::debug("the host's '{}' is not repeated: {}", printable(name), added.error().message());
  }
}

}  // namespace ecrin::run

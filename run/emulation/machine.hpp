// Kinds of processors as ELF files name them (elf(5)): one table for what is run under an emulator, and for
// saying what a file is. The stage has it too.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ecrin::run {

enum class ElfClass : std::uint8_t { bits32 = 1, bits64 = 2 };        // EI_CLASS
enum class ByteOrder : std::uint8_t { little_end = 1, big_end = 2 };  // EI_DATA

/// What the beginning of an ELF file says of the processor.
struct ElfKind {
  ElfClass bits = ElfClass::bits64;
  ByteOrder order = ByteOrder::little_end;
  std::uint16_t machine = 0;  // e_machine
  bool operator==(const ElfKind&) const = default;
};

struct Machine {
  std::string_view architecture;  // Go's word, as in platforms
  std::string_view qemu;          // QEMU's
  ElfKind elf;
  std::uint32_t flags = 0;  // e_flags of ordinary programs
  /// Machine code of a program's start: ends it with the number of its arguments plus k_probe_code.
  std::string_view probe;
};
constexpr int k_probe_code = 41;

std::span<const Machine> known_machines();
const Machine* find_machine(std::string_view architecture);
const Machine* find_machine(const ElfKind& elf);
/// What this program was compiled for; nullptr: the table has none.
const Machine* own_machine();

/// So many bytes of a file are enough.
constexpr std::size_t k_elf_kind_size = 20;
/// Nothing: this is the beginning of something else.
std::optional<ElfKind> read_elf_kind(std::string_view head);

}  // namespace ecrin::run

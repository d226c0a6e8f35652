#include "tests/support/foreign_program.hpp"

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace ecrin::tests {
namespace {

// All of these processors have their lowest byte first, as x86-64 has.
template <class Header>
void append(std::string& bytes, const Header& header) {
  bytes.append(reinterpret_cast<const char*>(&header), sizeof header);
}

constexpr std::uint32_t k_base = 0x10000;

template <class File, class Segment>
std::string executable(std::uint16_t machine, int bits, std::uint32_t flags, const std::string& code) {
  File file{};
  std::memcpy(file.e_ident, ELFMAG, SELFMAG);
  file.e_ident[EI_CLASS] = static_cast<unsigned char>(bits);
  file.e_ident[EI_DATA] = ELFDATA2LSB;
  file.e_ident[EI_VERSION] = EV_CURRENT;
  file.e_type = ET_EXEC;
  file.e_machine = machine;
  file.e_version = EV_CURRENT;
  file.e_entry = k_base + sizeof(File) + sizeof(Segment);
  file.e_phoff = sizeof(File);
  file.e_flags = flags;
  file.e_ehsize = sizeof(File);
  file.e_phentsize = sizeof(Segment);
  file.e_phnum = 1;
  Segment segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_vaddr = segment.p_paddr = k_base;
  segment.p_filesz = segment.p_memsz =
      static_cast<decltype(segment.p_filesz)>(sizeof(File) + sizeof(Segment) + code.size());
  segment.p_align = k_base;
  std::string bytes;
  append(bytes, file);
  append(bytes, segment);
  return bytes + code;
}

std::string words(std::initializer_list<std::uint32_t> list) {
  std::string bytes;
  for (const std::uint32_t word : list) append(bytes, word);
  return bytes;
}

std::string arm64(const std::string& code) {
  return executable<Elf64_Ehdr, Elf64_Phdr>(EM_AARCH64, ELFCLASS64, 0, code);
}
std::string riscv64(const std::string& code) {
  return executable<Elf64_Ehdr, Elf64_Phdr>(EM_RISCV, ELFCLASS64, EF_RISCV_FLOAT_ABI_DOUBLE, code);
}

// arm64: a number into a register; the call whose number is in x8.
constexpr std::uint32_t k_svc = 0xd4000001;
constexpr std::uint32_t mov(std::uint32_t target, std::size_t value) {
  return 0xd2800000 | static_cast<std::uint32_t>(value) << 5 | target;
}
// The address of what is so many bytes further on.
constexpr std::uint32_t adr(std::uint32_t target, std::uint32_t distance) {
  return 0x10000000 | (distance & 3) << 29 | (distance >> 2) << 5 | target;
}

// riscv64: a sum into a register; the call whose number is in a7.
constexpr std::uint32_t k_ecall = 0x73;
enum : std::uint32_t { zero = 0, sp = 2, a0 = 10, a1 = 11, a2 = 12, a7 = 17 };
constexpr std::uint32_t addi(std::uint32_t target, std::uint32_t from, std::size_t value) {
  return static_cast<std::uint32_t>(value) << 20 | from << 15 | target << 7 | 0x13;
}

}  // namespace

std::string program_that_says(Processor processor, const std::string& text) {
  switch (processor) {
    case Processor::arm64:
      // write(1, text, size), exit(0)
      return arm64(words({mov(0, 1), adr(1, 28), mov(2, text.size()), mov(8, 64), k_svc, mov(0, 0),
                          mov(8, 93), k_svc}) +
                   text);
    case Processor::riscv64:
      return riscv64(
          words({addi(a0, zero, 1), 0x17 | a1 << 7 /* auipc */, addi(a1, a1, 32), addi(a2, zero, text.size()),
                 addi(a7, zero, 64), k_ecall, addi(a0, zero, 0), addi(a7, zero, 93), k_ecall}) +
          text);
    case Processor::i386:
      break;
  }
  constexpr std::uint32_t k_code_size = 34;
  const std::uint32_t place = k_base + sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr) + k_code_size;
  std::string code;
  const auto load = [&](char instruction, std::uint32_t value) {
    code += instruction;
    append(code, value);
  };
  load('\xb8', 4);  // eax: write
  load('\xbb', 1);  // ebx
  load('\xb9', place);
  load('\xba', static_cast<std::uint32_t>(text.size()));
  code += "\xcd\x80";  // int 0x80
  load('\xb8', 1);     // exit
  load('\xbb', 0);
  code += "\xcd\x80";
  return executable<Elf32_Ehdr, Elf32_Phdr>(EM_386, ELFCLASS32, 0, code + text);
}

std::string program_that_starts(Processor processor) {
  // execve(second of the arguments, all from there on, nothing), exit(126). They begin 8 bytes above the
  // stack pointer.
  if (processor == Processor::arm64) {
    constexpr std::uint32_t k_ldr_x0 = 0xf9400be0;  // [sp, 16]
    constexpr std::uint32_t k_add_x1 = 0x910043e1;  // sp, 16
    return arm64(words({k_ldr_x0, k_add_x1, mov(2, 0), mov(8, 221), k_svc, mov(0, 126), mov(8, 93), k_svc}));
  }
  constexpr std::uint32_t k_ld = 16u << 20 | sp << 15 | 3 << 12 | a0 << 7 | 3;  // a0, 16(sp)
  return riscv64(words({k_ld, addi(a1, sp, 16), addi(a2, zero, 0), addi(a7, zero, 221), k_ecall,
                        addi(a0, zero, 126), addi(a7, zero, 93), k_ecall}));
}

}  // namespace ecrin::tests

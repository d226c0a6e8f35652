#include "run/emulation/machine.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstddef>

// This program's own header: the linker says where it is.
extern const char own_elf_header[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));

namespace ecrin::run {
namespace {

using namespace std::string_view_literals;

constexpr auto k_little64 = [](std::uint16_t machine) { return ElfKind{.machine = machine}; };
constexpr auto k_little32 = [](std::uint16_t machine) {
  return ElfKind{.bits = ElfClass::bits32, .machine = machine};
};

// At its start a program finds the number of its arguments where the stack pointer points to.
constexpr auto k_machines = std::to_array<Machine>({
    {.architecture = "386",
     .qemu = "i386",
     .elf = k_little32(EM_386),
     // mov ebx, [esp]; add ebx, 41; mov eax, exit; int 0x80
     .probe = "\x8b\x1c\x24\x83\xc3\x29\xb8\x01\x00\x00\x00\xcd\x80"sv},
    {.architecture = "amd64",
     .qemu = "x86_64",
     .elf = k_little64(EM_X86_64),
     // mov rdi, [rsp]; add rdi, 41; mov eax, exit; syscall
     .probe = "\x48\x8b\x3c\x24\x48\x83\xc7\x29\xb8\x3c\x00\x00\x00\x0f\x05"sv},
    {.architecture = "arm",
     .qemu = "arm",
     .elf = k_little32(EM_ARM),
     .flags = EF_ARM_EABI_VER5,
     // ldr r0, [sp]; add r0, r0, #41; mov r7, #exit; svc #0
     .probe = "\x00\x00\x9d\xe5\x29\x00\x80\xe2\x01\x70\xa0\xe3\x00\x00\x00\xef"sv},
    {.architecture = "arm64",
     .qemu = "aarch64",
     .elf = k_little64(EM_AARCH64),
     // ldr x0, [sp]; add x0, x0, #41; mov x8, #exit; svc #0
     .probe = "\xe0\x03\x40\xf9\x00\xa4\x00\x91\xa8\x0b\x80\xd2\x01\x00\x00\xd4"sv},
    {.architecture = "loong64",
     .qemu = "loongarch64",
     .elf = k_little64(EM_LOONGARCH),
     .flags = 3,  // the ABI with registers for doubles
     // ld.d a0, sp, 0; addi.d a0, a0, 41; addi.d a7, zero, exit; syscall 0
     .probe = "\x64\x00\xc0\x28\x84\xa4\xc0\x02\x0b\x74\xc1\x02\x00\x00\x2b\x00"sv},
    {.architecture = "mips64le",
     .qemu = "mips64el",
     .elf = k_little64(EM_MIPS),
     .flags = EF_MIPS_ARCH_64R2 | EF_MIPS_CPIC | EF_MIPS_PIC | EF_MIPS_NOREORDER,
     // ld a0, 0(sp); daddiu a0, a0, 41; li v0, exit; syscall
     .probe = "\x00\x00\xa4\xdf\x29\x00\x84\x64\xc2\x13\x02\x24\x0c\x00\x00\x00"sv},
    {.architecture = "ppc64le",
     .qemu = "ppc64le",
     .elf = k_little64(EM_PPC64),
     .flags = 2,  // version of the ABI
     // ld r3, 0(r1); addi r3, r3, 41; li r0, exit; sc
     .probe = "\x00\x00\x61\xe8\x29\x00\x63\x38\x01\x00\x00\x38\x02\x00\x00\x44"sv},
    {.architecture = "riscv64",
     .qemu = "riscv64",
     .elf = k_little64(EM_RISCV),
     .flags = EF_RISCV_FLOAT_ABI_DOUBLE,
     // ld a0, 0(sp); addi a0, a0, 41; li a7, exit; ecall
     .probe = "\x03\x35\x01\x00\x13\x05\x95\x02\x93\x08\xd0\x05\x73\x00\x00\x00"sv},
    {.architecture = "s390x",
     .qemu = "s390x",
     .elf = {.order = ByteOrder::big_end, .machine = EM_S390},
     // lg %r2, 0(%r15); aghi %r2, 41; svc exit
     .probe = "\xe3\x20\xf0\x00\x00\x04\xa7\x2b\x00\x29\x0a\x01"sv},
});

template <class Predicate>
const Machine* find_where(Predicate predicate) {
  const auto found = std::ranges::find_if(k_machines, predicate);
  return found == k_machines.end() ? nullptr : &*found;
}

}  // namespace

std::span<const Machine> known_machines() {
  return k_machines;
}

const Machine* find_machine(std::string_view architecture) {
  return find_where([&](const Machine& machine) { return machine.architecture == architecture; });
}

const Machine* find_machine(const ElfKind& elf) {
  return find_where([&](const Machine& machine) { return machine.elf == elf; });
}

const Machine* own_machine() {
  const auto own = read_elf_kind({own_elf_header, k_elf_kind_size});
  return own ? find_machine(*own) : nullptr;
}

std::optional<ElfKind> read_elf_kind(std::string_view head) {
  if (head.size() < k_elf_kind_size || !head.starts_with(ELFMAG)) return {};
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(head[index]); };
  ElfKind kind;
  if (byte(EI_CLASS) != ELFCLASS32 && byte(EI_CLASS) != ELFCLASS64) return {};
  if (byte(EI_DATA) != ELFDATA2LSB && byte(EI_DATA) != ELFDATA2MSB) return {};
  kind.bits = static_cast<ElfClass>(byte(EI_CLASS));
  kind.order = static_cast<ByteOrder>(byte(EI_DATA));
  constexpr std::size_t k_machine = offsetof(Elf64_Ehdr, e_machine);  // both classes have it there
  const int low = kind.order == ByteOrder::little_end ? 0 : 1;
  kind.machine = static_cast<std::uint16_t>(byte(k_machine + static_cast<std::size_t>(low)) |
                                            byte(k_machine + static_cast<std::size_t>(1 - low)) << 8);
  return kind;
}

}  // namespace ecrin::run

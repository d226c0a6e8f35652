#include "run/emulation/machine.hpp"

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "run/emulation/probe_program.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin::run;

TEST_CASE("machines are found by name and by what their programs begin with") {
  std::set<std::string_view> names;
  for (const Machine& machine : known_machines()) {
    INFO(machine.architecture);
    CHECK(names.insert(machine.architecture).second);
    CHECK(find_machine(machine.architecture) == &machine);
    CHECK(find_machine(machine.elf) == &machine);
    const std::string program = probe_program(machine);
    const auto kind = read_elf_kind(program);
    REQUIRE(kind);
    CHECK(*kind == machine.elf);
    CHECK(program.ends_with(machine.probe));
  }
  for (const char* wanted : {"386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"})
    CHECK(names.contains(wanted));
  CHECK(find_machine("sparc") == nullptr);
  CHECK(find_machine(ElfKind{.machine = 12345}) == nullptr);
}

TEST_CASE("this program knows its own machine") {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::string head(k_elf_kind_size, '\0');
  REQUIRE(file.read(head.data(), static_cast<std::streamsize>(head.size())));
  const auto kind = read_elf_kind(head);
  REQUIRE(kind);
  REQUIRE(own_machine() != nullptr);
  CHECK(own_machine()->elf == *kind);
}

TEST_CASE("the byte order of an ELF file is its own") {
  const std::string big = probe_program(*find_machine("s390x"));
  CHECK(big.substr(0, 8) == std::string("\x7f"
                                        "ELF\x02\x02\x01\0",
                                        8));
  CHECK(big.substr(16, 4) == std::string("\0\x02\0\x16", 4));
  const std::string little = probe_program(*find_machine("arm"));
  CHECK(little.substr(16, 4) == std::string("\x02\0\x28\0", 4));
  CHECK(little.size() == 52 + 32 + 16);
}

TEST_CASE("what is no ELF file has no machine") {
  const std::string program = probe_program(*find_machine("arm64"));
  CHECK_FALSE(read_elf_kind(""));
  CHECK_FALSE(read_elf_kind("#!/bin/sh\necho a longer script\n"));
  CHECK_FALSE(read_elf_kind(program.substr(0, k_elf_kind_size - 1)));
  for (const std::size_t place : {0u, 4u, 5u}) {
    std::string broken = program;
    broken[place] = 9;
    CHECK_FALSE(read_elf_kind(broken));
  }
}

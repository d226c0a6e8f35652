#include "run/emulation/binfmt.hpp"

#include <string>

#include "run/emulation/probe_program.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin::run;

namespace {

/// As the kernel compares.
bool matches(const BinfmtEntry& entry, const std::string& file) {
  for (std::size_t index = 0; index < entry.magic.size(); ++index) {
    const int difference = entry.magic[index] ^ file.at(entry.offset + index);
    if ((difference & (entry.mask.empty() ? 0xff : entry.mask[index])) != 0) return false;
  }
  return true;
}

std::string with_byte(std::string program, std::size_t place, char value) {
  program[place] = value;
  return program;
}

}  // namespace

TEST_CASE("a registration takes the programs of its machine and no others") {
  for (const Machine& machine : known_machines()) {
    INFO(machine.architecture);
    const BinfmtEntry entry = binfmt_entry(machine, "/q");
    for (const Machine& other : known_machines())
      CHECK(matches(entry, probe_program(other)) == (&machine == &other));
    const std::string program = probe_program(machine);
    const bool is_little = machine.elf.order == ByteOrder::little_end;
    const std::size_t type = is_little ? 16 : 17;
    CHECK(matches(entry, with_byte(program, type, 3)));        // position independent
    CHECK_FALSE(matches(entry, with_byte(program, type, 1)));  // an object file
    CHECK_FALSE(matches(entry, with_byte(program, type, 4)));  // a core
    CHECK(matches(entry, with_byte(program, 7, 3)));           // Linux's own ABI
    CHECK(matches(entry, with_byte(program, 8, 1)));           // a version of it
    CHECK_FALSE(matches(entry, with_byte(program, 0, 'x')));
  }
}

TEST_CASE("a registration is written as the kernel reads it") {
  const BinfmtEntry entry = binfmt_entry(*find_machine("arm64"), "/usr/bin/qemu");
  CHECK(binfmt_registration("name", entry).value() ==
        ":name:M::"
        R"(\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:)"
        R"(\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\xfe\xff\xff\xff:)"
        "/usr/bin/qemu:POCF");
  const BinfmtEntry big = binfmt_entry(*find_machine("s390x"), "/q");
  CHECK(big.magic.substr(16) == std::string("\0\x02\0\x16", 4));
  CHECK(big.mask.substr(16) == "\xff\xfe\xff\xff");
  const BinfmtEntry by_name{.interpreter = "/usr/bin/java", .flags = "", .extension = "jar"};
  CHECK(binfmt_registration("java", by_name).value() == ":java:E::jar::/usr/bin/java:");
}

TEST_CASE("fields are separated by what is in none of them") {
  BinfmtEntry entry = binfmt_entry(*find_machine("arm"), "/a:b/qemu");
  CHECK(binfmt_registration("name", entry).value().starts_with("|name|M||\\x7f"));
  entry.interpreter = "/:|;,\t";
  CHECK_FALSE(binfmt_registration("name", entry));
}

TEST_CASE("what the kernel shows of a registration is read back") {
  const auto read = parse_binfmt_entry(
      "enabled\ninterpreter /usr/bin/qemu aarch64\nflags: POCF\noffset 0\n"
      "magic 7f454c46\nmask ffffff00\n");
  REQUIRE(read);
  CHECK(*read == BinfmtEntry{.interpreter = "/usr/bin/qemu aarch64",
                             .flags = "POCF",
                             .magic = "\x7f"
                                      "ELF",
                             .mask = std::string("\xff\xff\xff\0", 4)});
  const auto by_name = parse_binfmt_entry("disabled\ninterpreter /usr/bin/java\nflags: \nextension .jar\n");
  REQUIRE(by_name);
  CHECK_FALSE(by_name->enabled);
  CHECK(by_name->extension == "jar");
  CHECK(by_name->flags.empty());
  const auto no_mask = parse_binfmt_entry("enabled\ninterpreter /i\nflags: F\noffset 4\nmagic 4d5a\n");
  REQUIRE(no_mask);
  CHECK(no_mask->offset == 4);
  CHECK(no_mask->mask.empty());
}

TEST_CASE("other files beside registrations are none") {
  CHECK_FALSE(parse_binfmt_entry(""));
  CHECK_FALSE(parse_binfmt_entry("enabled\n"));  // "status"
  CHECK_FALSE(parse_binfmt_entry("enabled\ninterpreter /i\nflags: F\n"));
  CHECK_FALSE(parse_binfmt_entry("enabled\ninterpreter /i\noffset 0\nmagic 7g\n"));
  CHECK_FALSE(parse_binfmt_entry("enabled\ninterpreter /i\noffset x\nmagic 7f\n"));
}

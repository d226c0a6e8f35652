#include "run/cgroup/cgroup_devices.hpp"

#include <optional>

#include "base/text.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

using Rules = std::vector<oci::DeviceRule>;

std::string texts(const Rules& rules) {
  std::vector<std::string> words;
  const auto complete = complete_device_rules(rules);
  for (const oci::DeviceRule& rule : *complete)
    words.push_back((rule.allow ? "+" : "-") + device_rule_text(rule));
  return join(words, ";");
}

const std::string k_usual =
    "+c *:* m;+b *:* m;+c 1:3 rwm;+c 1:5 rwm;+c 1:7 rwm;+c 1:8 rwm;+c 1:9 rwm;+c 5:0 rwm;+c 5:2 rwm;+c 136:* "
    "rwm";

// What the kernel would answer: the instructions that are used, one after the other.
std::optional<bool> answer(const Rules& rules, char type, std::uint32_t major, std::uint32_t minor,
                           std::uint32_t access) {
  const std::vector<bpf_insn> program = device_program(*complete_device_rules(rules));
  std::uint64_t registers[11] = {};
  const bpf_cgroup_dev_ctx context{
      .access_type = access << 16 | (type == 'b' ? 1u : 2u), .major = major, .minor = minor};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const bpf_insn& instruction = program[at];
    std::uint64_t& to = registers[instruction.dst_reg];
    const auto value = static_cast<std::uint64_t>(static_cast<std::int64_t>(instruction.imm));
    switch (instruction.code) {
      case BPF_LDX | BPF_W | BPF_MEM:
        to = reinterpret_cast<const std::uint32_t*>(&context)[instruction.off / 4];
        break;
      case BPF_ALU64 | BPF_MOV | BPF_X:
        to = registers[instruction.src_reg];
        break;
      case BPF_ALU64 | BPF_MOV | BPF_K:
        to = value;
        break;
      case BPF_ALU64 | BPF_AND | BPF_K:
        to &= value;
        break;
      case BPF_ALU64 | BPF_RSH | BPF_K:
        to >>= value;
        break;
      case BPF_JMP | BPF_JNE | BPF_K:
        if (to != value) at += static_cast<std::size_t>(instruction.off);
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        if (to == value) at += static_cast<std::size_t>(instruction.off);
        break;
      case BPF_JMP | BPF_EXIT:
        return registers[0] != 0;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

constexpr std::uint32_t k_mknod = 1, k_read = 2, k_write = 4;

}  // namespace

TEST_CASE("device rules begin with nothing and end with what every container has") {
  CHECK(texts({}) == "-a;" + k_usual);
  CHECK(texts({{.allow = true, .type = 'c', .major = 10, .minor = 229, .access = "rw"}}) ==
        "-a;+c 10:229 rw;" + k_usual);
  CHECK(texts({{.allow = true, .type = 'b', .major = 8}, {.allow = false}}) == "-a;" + k_usual);
  CHECK(texts({{.allow = true}}) == "+a;" + k_usual);
  CHECK(texts({{.allow = true, .type = 'a', .major = 4, .access = "r"}}) ==
        "-a;+c 4:* r;+b 4:* r;" + k_usual);
}

TEST_CASE("a device rule that is none is refused") {
  for (const oci::DeviceRule& rule : Rules{{.type = 'c', .access = "x"},
                                           {.type = 'c', .access = ""},
                                           {.type = 'p'},
                                           {.type = 'c', .major = -1},
                                           {.type = 'c', .major = 1, .minor = std::int64_t{1} << 40}})
    CHECK(complete_device_rules({rule}).error().kind() == ErrorKind::invalid);
}

TEST_CASE("the program answers by the last rule for each kind of access") {
  const Rules none = {{.allow = false}};
  CHECK(answer(none, 'c', 1, 3, k_read | k_write) == true);
  CHECK(answer(none, 'c', 136, 77, k_write) == true);
  CHECK(answer(none, 'c', 10, 229, k_read) == false);
  CHECK(answer(none, 'c', 10, 229, k_mknod) == true);
  CHECK(answer(none, 'c', 10, 229, k_mknod | k_read) == false);
  CHECK(answer(none, 'b', 1, 3, k_read) == false);

  const Rules some = {{.allow = false},
                      {.allow = true, .type = 'b', .major = 8},
                      {.allow = false, .type = 'b', .major = 8, .minor = 1, .access = "w"},
                      {.allow = true, .type = 'c', .major = 10, .minor = 229, .access = "r"},
                      {.allow = true, .type = 'c', .major = 10, .access = "w"}};
  CHECK(answer(some, 'b', 8, 0, k_read | k_write | k_mknod) == true);
  CHECK(answer(some, 'b', 8, 1, k_read) == true);
  CHECK(answer(some, 'b', 8, 1, k_write) == false);
  CHECK(answer(some, 'b', 8, 1, k_read | k_write) == false);
  CHECK(answer(some, 'b', 9, 1, k_read) == false);
  CHECK(answer(some, 'c', 10, 229, k_read | k_write) == true);
  CHECK(answer(some, 'c', 10, 1, k_read | k_write) == false);
  CHECK(answer(some, 'c', 10, 1, k_write) == true);
  CHECK(answer({{.allow = true}}, 'b', 250, 3, k_read | k_write) == true);
}

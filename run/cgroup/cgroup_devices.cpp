#include "run/cgroup/cgroup_devices.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>

#include "base/fd.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/capabilities.hpp"
#include "run/cgroup/cgroup_files.hpp"

namespace ecrin::run {
namespace {

constexpr std::int64_t k_most_number = INT32_MAX;
constexpr int k_all_access = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

bool is_for_all(const oci::DeviceRule& rule) {
  return rule.type == 'a';
}

int access_bits(std::string_view access) {
  int bits = 0;
  for (const char c : access)
    bits |= c == 'r' ? BPF_DEVCG_ACC_READ : c == 'w' ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
  return bits;
}

Result<> check(const oci::DeviceRule& rule) {
  const auto is_number = [](const std::optional<std::int64_t>& number) {
    return !number || (*number >= 0 && *number <= k_most_number);
  };
  if (!is_number(rule.major) || !is_number(rule.minor))
    return fail(ErrorKind::invalid, "linux.resources.devices has a device number that is none: {}:{}",
                rule.major.value_or(0), rule.minor.value_or(0));
  if (rule.access.empty() || rule.access.find_first_not_of("rwm") != std::string::npos)
    return fail(ErrorKind::invalid,
                "linux.resources.devices has the access '{}': it is of the letters r, w and m",
                printable(rule.access, 80));
  if (std::string_view("abc").find(rule.type) == std::string_view::npos)
    return fail(ErrorKind::invalid, "linux.resources.devices has the type '{}': it is a, b or c",
                printable(std::string_view(&rule.type, 1)));
  return {};
}

// null, zero, full, random, urandom, tty, ptmx, and terminals; and making nodes, which gives no access.
std::vector<oci::DeviceRule> usual_rules() {
  const auto character = [](std::int64_t major, std::optional<std::int64_t> minor) {
    return oci::DeviceRule{.allow = true, .type = 'c', .major = major, .minor = minor};
  };
  return {{.allow = true, .type = 'c', .access = "m"},
          {.allow = true, .type = 'b', .access = "m"},
          character(1, 3),
          character(1, 5),
          character(1, 7),
          character(1, 8),
          character(1, 9),
          character(5, 0),
          character(5, 2),
          character(136, std::nullopt)};
}

// ---- the program ----

constexpr bpf_insn instruction(int code, int to, int from, int offset, int value) {
  return {.code = static_cast<__u8>(code),
          .dst_reg = static_cast<__u8>(to & 0xf),
          .src_reg = static_cast<__u8>(from & 0xf),
          .off = static_cast<__s16>(offset),
          .imm = value};
}
constexpr bpf_insn load(int to, std::size_t offset) {
  return instruction(BPF_LDX | BPF_W | BPF_MEM, to, BPF_REG_1, static_cast<int>(offset), 0);
}
constexpr bpf_insn copy(int to, int from) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
constexpr bpf_insn set(int to, int value) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
constexpr bpf_insn keep_bits(int in, int bits) {
  return instruction(BPF_ALU64 | BPF_AND | BPF_K, in, 0, 0, bits);
}
constexpr bpf_insn shift_down(int in, int bits) {
  return instruction(BPF_ALU64 | BPF_RSH | BPF_K, in, 0, 0, bits);
}
// Their targets are set when the block is complete.
constexpr bpf_insn skip_unless(int what, int value) {
  return instruction(BPF_JMP | BPF_JNE | BPF_K, what, 0, 0, value);
}
constexpr bpf_insn skip_if(int what, int value) {
  return instruction(BPF_JMP | BPF_JEQ | BPF_K, what, 0, 0, value);
}
constexpr bpf_insn end() {
  return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

constexpr int k_answer = BPF_REG_0;
constexpr int k_type = BPF_REG_2;
constexpr int k_asked = BPF_REG_3;  // kinds of access that no rule has answered yet
constexpr int k_major = BPF_REG_4;
constexpr int k_minor = BPF_REG_5;

std::vector<bpf_insn> rule_block(const oci::DeviceRule& rule) {
  std::vector<bpf_insn> block;
  if (!is_for_all(rule))
    block.push_back(skip_unless(k_type, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR));
  if (rule.major) block.push_back(skip_unless(k_major, static_cast<int>(*rule.major)));
  if (rule.minor) block.push_back(skip_unless(k_minor, static_cast<int>(*rule.minor)));
  const int bits = access_bits(rule.access);
  if (bits != k_all_access && rule.allow) {
    block.push_back(keep_bits(k_asked, k_all_access & ~bits));
    block.push_back(skip_unless(k_asked, 0));
  } else if (bits != k_all_access) {
    block.push_back(copy(k_answer, k_asked));
    block.push_back(keep_bits(k_answer, bits));
    block.push_back(skip_if(k_answer, 0));
  }
  block.push_back(set(k_answer, rule.allow ? 1 : 0));
  block.push_back(end());
  for (std::size_t i = 0; i < block.size(); ++i)
    if (const int operation = BPF_OP(block[i].code);
        BPF_CLASS(block[i].code) == BPF_JMP && (operation == BPF_JNE || operation == BPF_JEQ))
      block[i].off = static_cast<__s16>(block.size() - i - 1);
  return block;
}

// ---- the kernel ----

long call_bpf(int command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

std::uint64_t address(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

std::unexpected<Error> refused(std::string_view what) {
  const int code = errno;
  return std::unexpected(
      Error::from_errno(code, fmt::format("linux.resources.devices cannot be had: the kernel {}", what)));
}

constexpr std::size_t k_most_programs = 64;  // on one cgroup, which is the kernel's bound

Result<std::vector<__u32>> attached_programs(const Fd& cgroup) {
  std::vector<__u32> programs(k_most_programs);
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<__u32>(cgroup.get());
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = address(programs.data());
  attributes.query.prog_cnt = static_cast<__u32>(programs.size());
  if (call_bpf(BPF_PROG_QUERY, attributes) != 0) return refused("does not tell its device programs");
  programs.resize(attributes.query.prog_cnt);
  return programs;
}

Result<> detach_program(const Fd& cgroup, __u32 id) {
  bpf_attr by_id{};
  by_id.prog_id = id;
  const Fd program(static_cast<int>(call_bpf(BPF_PROG_GET_FD_BY_ID, by_id)));
  if (!program) return refused("does not give a device program");
  bpf_attr attributes{};
  attributes.target_fd = static_cast<__u32>(cgroup.get());
  attributes.attach_bpf_fd = static_cast<__u32>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  if (call_bpf(BPF_PROG_DETACH, attributes) != 0) return refused("does not take away a device program");
  return {};
}

}  // namespace

bool may_limit_devices() {
  // The first user namespace maps all numbers to themselves.
  const auto map = posix::read_file("/proc/self/uid_map");
  if (!map) return false;
  const auto capabilities = get_capabilities();
  std::vector<std::string> words = split(trim(*map), ' ');
  std::erase(words, "");
  return words == std::vector<std::string>{"0", "0", "4294967295"} && capabilities &&
         (capabilities->effective & capability_bit(CAP_SYS_ADMIN)) != 0;
}

Result<std::vector<oci::DeviceRule>> complete_device_rules(const std::vector<oci::DeviceRule>& rules) {
  std::vector<oci::DeviceRule> complete;
  const auto add = [&](oci::DeviceRule rule) {
    if (rule.type == 'a' && !rule.major && !rule.minor && access_bits(rule.access) == k_all_access) {
      complete = {{.allow = rule.allow}};  // nothing before it counts
      return;
    }
    const bool both = rule.type == 'a';
    if (both) rule.type = 'c';
    complete.push_back(rule);
    if (!both) return;
    rule.type = 'b';
    complete.push_back(std::move(rule));
  };
  add({.allow = false});
  for (const oci::DeviceRule& rule : rules) {
    TRY(check(rule));
    add(rule);
  }
  for (oci::DeviceRule& rule : usual_rules()) add(std::move(rule));
  return complete;
}

std::string device_rule_text(const oci::DeviceRule& rule) {
  if (is_for_all(rule)) return "a";
  const auto number = [](const std::optional<std::int64_t>& value) {
    return value ? std::to_string(*value) : std::string("*");
  };
  return fmt::format("{} {}:{} {}", rule.type, number(rule.major), number(rule.minor), rule.access);
}

std::vector<bpf_insn> device_program(const std::vector<oci::DeviceRule>& rules) {
  std::vector<bpf_insn> program = {
      load(k_type, offsetof(bpf_cgroup_dev_ctx, access_type)),
      copy(k_asked, k_type),
      shift_down(k_asked, 16),
      keep_bits(k_type, 0xffff),
      load(k_major, offsetof(bpf_cgroup_dev_ctx, major)),
      load(k_minor, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (const oci::DeviceRule& rule : std::views::reverse(rules)) {
    const std::vector<bpf_insn> block = rule_block(rule);
    program.insert(program.end(), block.begin(), block.end());
  }
  return program;
}

Result<> limit_devices_version1(const std::string& directory, const std::vector<oci::DeviceRule>& rules) {
  for (const oci::DeviceRule& rule : rules)
    TRY_WHILE(write_cgroup_file(directory + (rule.allow ? "/devices.allow" : "/devices.deny"),
                                device_rule_text(rule)),
              "setting linux.resources.devices");
  return {};
}

Result<> limit_devices(const std::string& directory, const std::vector<oci::DeviceRule>& rules) {
  const Fd cgroup = TRY(posix::open(directory, O_RDONLY | O_DIRECTORY));
  const std::vector<bpf_insn> instructions = device_program(rules);
  bpf_attr load{};
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insn_cnt = static_cast<__u32>(instructions.size());
  load.insns = address(instructions.data());
  load.license = address("none");
  const Fd program(static_cast<int>(call_bpf(BPF_PROG_LOAD, load)));
  if (!program) return refused("takes no program for devices");
  const std::vector<__u32> before = TRY(attached_programs(cgroup));
  bpf_attr attach{};
  attach.target_fd = static_cast<__u32>(cgroup.get());
  attach.attach_bpf_fd = static_cast<__u32>(program.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;  // a service manager in the container has programs of its own
  if (call_bpf(BPF_PROG_ATTACH, attach) != 0)
    return refused("does not take the program for devices of this cgroup");
  for (const __u32 id : before) TRY(detach_program(cgroup, id));
  return {};
}

}  // namespace ecrin::run

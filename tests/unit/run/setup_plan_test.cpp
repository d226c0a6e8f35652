#include "run/setup_plan.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

const fs::IdMap k_mapped = {{0, 1000, 1}, {1, 100000, 65536}};
const fs::IdMap k_single = {{0, 1000, 1}};

oci::RuntimeConfig default_config() {
  oci::RuntimeConfig config = oci::default_runtime_config(oci::ImageConfig());
  config.process.args = {"/bin/true"};
  config.process.rlimits.clear();  // depends on the host
  return config;
}

PlanFacts facts(const fs::IdMap& map = k_mapped) {
  return {.uids = map, .gids = map, .set_groups = map.size() > 1};
}

std::string flags(std::uint64_t attributes) {
  std::string text;
  if (attributes & MOUNT_ATTR_RDONLY) text += " ro";
  if (attributes & MOUNT_ATTR_NOSUID) text += " nosuid";
  if (attributes & MOUNT_ATTR_NODEV) text += " nodev";
  if (attributes & MOUNT_ATTR_NOEXEC) text += " noexec";
  return text;
}

// One line an operation, so that a test reads like the list that it expects.
std::string line(const SetupOp& op) {
  static const std::map<SetupKind, std::string> names = {{SetupKind::loopback_up, "loopback up"},
                                                         {SetupKind::root, "root"},
                                                         {SetupKind::mount, "mount"},
                                                         {SetupKind::bind, "bind"},
                                                         {SetupKind::device, "device"},
                                                         {SetupKind::symlink, "symlink"},
                                                         {SetupKind::file, "file"},
                                                         {SetupKind::directory, "directory"},
                                                         {SetupKind::terminal, "terminal"},
                                                         {SetupKind::mask, "mask"},
                                                         {SetupKind::read_only, "read-only"},
                                                         {SetupKind::sysctl, "sysctl"},
                                                         {SetupKind::hostname, "hostname"},
                                                         {SetupKind::domainname, "domainname"},
                                                         {SetupKind::root_read_only, "root read-only"},
                                                         {SetupKind::pivot, "pivot"}};
  std::string text = names.at(op.kind);
  for (const std::string& part : {op.type, op.source, op.target})
    if (!part.empty()) text += " " + part;
  text += flags(op.attributes);
  if (op.recursive) text += " recursive";
  if (!op.options.empty()) text += " [" + join(op.options, ",") + "]";
  if (op.fallback == SetupFallback::bind_host) text += " or bind";
  if (op.fallback == SetupFallback::empty_directory) text += " or empty";
  return text;
}

std::vector<std::string> lines(const ContainerPlan& plan) {
  std::vector<std::string> all;
  for (const SetupOp& op : plan.setup.ops) all.push_back(line(op));
  return all;
}

std::vector<std::string> plan_lines(const oci::RuntimeConfig& config, const PlanRequest& request,
                                    const PlanFacts& host = facts()) {
  const auto plan = make_setup_plan(config, host, request);
  REQUIRE(plan);
  return lines(*plan);
}

std::string line_of(const std::vector<std::string>& all, const std::string& beginning) {
  for (const std::string& text : all)
    if (text.starts_with(beginning)) return text;
  return "";
}

Error error_of(const oci::RuntimeConfig& config, const PlanRequest& request = {.rootfs = "/r"},
               const PlanFacts& host = facts()) {
  auto plan = make_setup_plan(config, host, request);
  REQUIRE_FALSE(plan);
  return plan.error();
}

}  // namespace

TEST_CASE("the plan of a default container") {
  oci::RuntimeConfig config = default_config();
  config.hostname = "box";
  config.masked_paths = {"/proc/kcore"};
  config.read_only_paths = {"/proc/sys"};
  const std::vector<std::string> expected = {
      "loopback up",
      "root /r",
      "mount proc proc nosuid nodev noexec",
      "mount tmpfs dev nosuid [mode=755,size=65536k]",
      "device /dev/null dev/null",
      "device /dev/zero dev/zero",
      "device /dev/full dev/full",
      "device /dev/random dev/random",
      "device /dev/urandom dev/urandom",
      "device /dev/tty dev/tty",
      "symlink /proc/self/fd dev/fd",
      "symlink /proc/self/fd/0 dev/stdin",
      "symlink /proc/self/fd/1 dev/stdout",
      "symlink /proc/self/fd/2 dev/stderr",
      "symlink pts/ptmx dev/ptmx",
      "symlink /proc/kcore dev/core",
      "mount devpts dev/pts nosuid noexec [newinstance,ptmxmode=0666,mode=0620,gid=5]",
      "mount tmpfs dev/shm nosuid nodev noexec [mode=1777,size=65536k]",
      "mount mqueue dev/mqueue nosuid nodev noexec",
      "mount sysfs /sys sys ro nosuid nodev noexec recursive or bind",
      "mount cgroup2 sys/fs/cgroup ro nosuid nodev noexec or empty",
      "file 127.0.0.1 localhost etc/hosts",
      "directory",
      "mask proc/kcore",
      "read-only proc/sys",
      "hostname box",
      "pivot",
  };
  CHECK(plan_lines(config, {.rootfs = "/r", .managed_files = {{"/etc/hosts", "127.0.0.1 localhost"}}}) ==
        expected);
}

TEST_CASE("every namespace is new by default") {
  const auto plan = make_setup_plan(default_config(), facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  CHECK(plan->clone_namespaces == (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET |
                                   static_cast<std::uint64_t>(CLONE_NEWCGROUP)));
}

TEST_CASE("the host's network") {
  const oci::RuntimeConfig config = default_config();
  const PlanRequest request{.rootfs = "/r", .network = NetworkMode::host};
  const auto plan = make_setup_plan(config, facts(), request);
  REQUIRE(plan);
  CHECK_FALSE(plan->clone_namespaces & CLONE_NEWNET);
  const auto all = lines(*plan);
  CHECK(line_of(all, "loopback").empty());
  CHECK(line_of(all, "bind /sys sys") == "bind /sys sys ro nosuid nodev noexec recursive");
}

TEST_CASE("a network namespace that is joined is not made, and its loopback is up already") {
  const PlanRequest request{.rootfs = "/r", .network = NetworkMode::private_network, .joins_network = true};
  const auto plan = make_setup_plan(default_config(), facts(), request);
  REQUIRE(plan);
  CHECK_FALSE(plan->clone_namespaces & CLONE_NEWNET);
  CHECK(line_of(lines(*plan), "loopback").empty());
  CHECK(line_of(lines(*plan), "mount sysfs") ==
        "mount sysfs /sys sys ro nosuid nodev noexec recursive or bind");
}

TEST_CASE("namespaces shared with the host") {
  oci::RuntimeConfig config = default_config();
  config.namespaces = {oci::Namespace::mount, oci::Namespace::network};
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  CHECK(plan->clone_namespaces == (CLONE_NEWNS | CLONE_NEWNET));
  CHECK_FALSE(plan->setup.pid_namespace);
  const auto all = lines(*plan);
  CHECK(line_of(all, "bind /proc") == "bind /proc proc nosuid nodev noexec recursive");
  CHECK(line_of(all, "bind /dev/mqueue") == "bind /dev/mqueue dev/mqueue nosuid nodev noexec recursive");
  config.hostname = "box";
  CHECK(error_of(config).kind() == ErrorKind::invalid);
}

TEST_CASE("with a single id the terminals' group is left out") {
  const auto all = plan_lines(default_config(), {.rootfs = "/r"}, facts(k_single));
  CHECK(line_of(all, "mount devpts") ==
        "mount devpts dev/pts nosuid noexec [newinstance,ptmxmode=0666,mode=0620]");
}

TEST_CASE("a terminal comes after devpts, and the program knows of it") {
  oci::RuntimeConfig config = default_config();
  config.process.terminal = true;
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  CHECK(plan->setup.process.terminal);
  const auto all = lines(*plan);
  const auto terminal = std::ranges::find(all, "terminal dev/console");
  REQUIRE(terminal != all.end());
  CHECK(std::find_if(all.begin(), terminal,
                     [](const std::string& text) { return text.starts_with("mount devpts"); }) != terminal);
}

TEST_CASE("bind mounts") {
  oci::RuntimeConfig config = default_config();
  config.mounts = {{"/mnt", "bind", "/host", {"rbind", "ro", "nosuid", "Z"}},
                   {"/one", "", "/host", {"bind", "noatime", "rslave"}}};
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  const auto all = lines(*plan);
  CHECK(line_of(all, "bind /host mnt") == "bind /host mnt ro nosuid recursive");
  CHECK(line_of(all, "bind /host one") == "bind /host one");
  CHECK(plan->setup.ops[2].propagation == MS_PRIVATE);
  CHECK(plan->setup.ops[3].propagation == MS_SLAVE);
  CHECK(plan->setup.ops[3].attributes == 0);
  CHECK(line_of(all, "device").empty());  // no tmpfs on /dev here
}

TEST_CASE("mounts that cannot be are refused") {
  oci::RuntimeConfig config = default_config();
  const auto refused = [&](oci::RuntimeMount mount) {
    config.mounts = {std::move(mount)};
    return error_of(config).kind();
  };
  CHECK(refused({"mnt", "tmpfs", "", {}}) == ErrorKind::invalid);
  CHECK(refused({"/", "tmpfs", "", {}}) == ErrorKind::invalid);
  CHECK(refused({"//", "bind", "/x", {}}) == ErrorKind::invalid);
  CHECK(refused({std::string("/a\0b", 4), "tmpfs", "", {}}) == ErrorKind::invalid);
  CHECK(refused({"/mnt", "ext4", "/dev/sda", {}}) == ErrorKind::unsupported);
  CHECK(refused({"/mnt", "bind", "relative", {}}) == ErrorKind::invalid);
  CHECK(refused({"/mnt", "bind", "/x", {"upperdir=/y"}}) == ErrorKind::invalid);
}

TEST_CASE("a read-only root is made last before the host goes") {
  oci::RuntimeConfig config = default_config();
  config.root_read_only = true;
  const auto all = plan_lines(config, {.rootfs = "/r"});
  REQUIRE(all.size() > 2);
  CHECK(all[all.size() - 2] == "root read-only");
  CHECK(all.back() == "pivot");
}

TEST_CASE("sysctls") {
  oci::RuntimeConfig config = default_config();
  config.sysctl = {{"net.ipv4.ip_forward", "1"}, {"net/ipv4/conf/eth0.1/forwarding", "1"}};
  const auto all = plan_lines(config, {.rootfs = "/r"});
  CHECK(line_of(all, "sysctl 1 net/ipv4/ip") == "sysctl 1 net/ipv4/ip_forward");
  CHECK(line_of(all, "sysctl 1 net/ipv4/conf") == "sysctl 1 net/ipv4/conf/eth0.1/forwarding");
  CHECK(error_of(config, {.rootfs = "/r", .network = NetworkMode::host}).kind() == ErrorKind::invalid);
  for (const char* key : {"/etc/passwd", "a/../../x", "", "..a"}) {
    INFO(key);
    config.sysctl = {{key, "1"}};
    CHECK(error_of(config).kind() == ErrorKind::invalid);
  }
}

TEST_CASE("the program's part of the plan") {
  oci::RuntimeConfig config = default_config();
  config.process.uid = 33;
  config.process.gid = 34;
  config.process.additional_gids = {5, 70000, 6};
  config.process.umask = 027;
  config.process.capabilities = oci::Capabilities::of({"CAP_KILL"});
  config.process.rlimits = {{"RLIMIT_NOFILE", 10, 20}};
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r", .seccomp = "bpf"});
  REQUIRE(plan);
  const ProcessPlan& process = plan->setup.process;
  CHECK(process.uid == 33);
  CHECK(process.groups == std::vector<gid_t>{5, 6});  // 70000 is not mapped
  CHECK(process.umask == mode_t{027});
  const CapabilitySet kill = capability_bit(CAP_KILL);
  CHECK(process.capabilities == CapabilitySets{kill, kill, kill, 0, 0});
  CHECK(process.limits == std::vector<ResourceLimit>{{RLIMIT_NOFILE, 10, 20}});
  CHECK(process.seccomp == "bpf");
}

TEST_CASE("ids that do not exist here are refused before anything is started") {
  oci::RuntimeConfig config = default_config();
  config.process.uid = 1;
  const Error error = error_of(config, {.rootfs = "/r"}, facts(k_single));
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message() == "user id 1 of the container's program does not exist here: ids 0 to 0 are mapped");
  CHECK_FALSE(error.hint_text().empty());
  config.process.uid = 65537;
  CHECK(error_of(config).kind() == ErrorKind::unsupported);
  config.process.uid = 65536;
  CHECK(make_setup_plan(config, facts(), {.rootfs = "/r"}));
}

TEST_CASE("groups are left alone where the namespace forbids to set them") {
  oci::RuntimeConfig config = default_config();
  config.process.additional_gids = {0};
  const auto plan = make_setup_plan(config, facts(k_single), {.rootfs = "/r"});
  REQUIRE(plan);
  CHECK_FALSE(plan->setup.process.set_groups);
  CHECK(plan->setup.process.groups.empty());
}

TEST_CASE("a process that makes no sense is refused") {
  oci::RuntimeConfig config = default_config();
  config.process.args.clear();
  CHECK(error_of(config).kind() == ErrorKind::invalid);
  config.process.args = {""};
  CHECK(error_of(config).kind() == ErrorKind::invalid);
  config = default_config();
  config.process.cwd = "relative";
  CHECK(error_of(config).kind() == ErrorKind::invalid);
  config = default_config();
  config.process.rlimits = {{"RLIMIT_NOTHING", 1, 1}};
  CHECK(error_of(config).kind() == ErrorKind::invalid);
  config = default_config();
  CHECK(error_of(config, {.rootfs = "relative"}).kind() == ErrorKind::invalid);
  config.hostname = std::string(65, 'h');
  CHECK(error_of(config).kind() == ErrorKind::invalid);
}

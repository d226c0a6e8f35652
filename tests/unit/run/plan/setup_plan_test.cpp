#include "run/plan/setup_plan.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

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
                                                         {SetupKind::remount, "remount"},
                                                         {SetupKind::own_cgroup, "own cgroup"},
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
                                                         {SetupKind::pivot, "pivot"},
                                                         {SetupKind::move_root, "move root"},
                                                         {SetupKind::root_propagation, "propagation"}};
  std::string text = names.at(op.kind);
  for (const std::string& part : {op.type, op.source, op.target})
    if (!part.empty()) text += " " + part;
  text += flags(op.attributes.set);
  if (op.recursive_attributes.set) text += " all:" + flags(op.recursive_attributes.set);
  if (op.recursive) text += " recursive";
  if (!op.options.empty()) text += " [" + join(op.options, ",") + "]";
  if (op.fallback == SetupFallback::bind_host) text += " or bind " + op.host;
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
      "mount sysfs sys ro nosuid nodev noexec or bind /sys",
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
  CHECK(line_of(all, "mount sysfs") == "mount sysfs sys ro nosuid nodev noexec or bind /sys");
}

TEST_CASE("a network namespace that is joined is not made, and its loopback is up already") {
  const PlanRequest request{.rootfs = "/r", .network = NetworkMode::private_network, .joins_network = true};
  const auto plan = make_setup_plan(default_config(), facts(), request);
  REQUIRE(plan);
  CHECK_FALSE(plan->clone_namespaces & CLONE_NEWNET);
  CHECK(line_of(lines(*plan), "loopback").empty());
  CHECK(line_of(lines(*plan), "mount sysfs") == "mount sysfs sys ro nosuid nodev noexec or bind /sys");
}

TEST_CASE("namespaces shared with the host") {
  oci::RuntimeConfig config = default_config();
  config.namespaces = {oci::Namespace::mount, oci::Namespace::network};
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  CHECK(plan->clone_namespaces == (CLONE_NEWNS | CLONE_NEWNET));
  CHECK_FALSE(plan->setup.pid_namespace);
  const auto all = lines(*plan);
  CHECK(line_of(all, "bind proc") == "bind proc /proc proc all: nosuid nodev noexec recursive");
  CHECK(line_of(all, "mount mqueue") == "mount mqueue dev/mqueue nosuid nodev noexec or bind /dev/mqueue");
  config.mounts = {{"/proc", "proc", "proc", {"hidepid=2"}}};
  CHECK(line_of(plan_lines(config, {.rootfs = "/r"}), "mount proc") == "mount proc proc [hidepid=2]");
  config.hostname = "box";
  CHECK(error_of(config).kind() == ErrorKind::invalid);
}

TEST_CASE("without a mount namespace in the list the container has the runtime's") {
  oci::RuntimeConfig config = default_config();
  std::erase(config.namespaces, oci::RuntimeNamespace(oci::Namespace::mount));
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  CHECK_FALSE(plan->clone_namespaces & CLONE_NEWNS);
  CHECK(plan->setup.shares_mounts);
  config.namespaces.emplace_back(oci::Namespace::user);
  config.uid_mappings = config.gid_mappings = {{0, 1000, 1}};
  CHECK(error_of(config).kind() == ErrorKind::unsupported);
  CHECK_FALSE(make_setup_plan(default_config(), facts(), {.rootfs = "/r"})->setup.shares_mounts);
}

TEST_CASE("what is masked twice is masked once") {
  oci::RuntimeConfig config = default_config();
  config.masked_paths = {"/proc/keys", "/proc/./keys", "/proc/x"};
  CHECK(std::ranges::count_if(plan_lines(config, {.rootfs = "/r"}),
                              [](const std::string& line) { return line.starts_with("mask "); }) == 2);
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
  // Options for a file system mean nothing.
  config.mounts = {{"/mnt", "bind", "/host", {"rbind", "ro", "nosuid", "Z", "mode=755"}},
                   {"/one", "", "/host", {"bind", "noatime", "rslave"}}};
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  const auto all = lines(*plan);
  CHECK(line_of(all, "bind /host mnt") == "bind /host mnt ro nosuid recursive");
  CHECK(line_of(all, "bind /host one") == "bind /host one");
  CHECK(plan->setup.ops[2].propagation == std::vector<std::uint64_t>{MS_PRIVATE | MS_REC});
  CHECK(plan->setup.ops[3].propagation == std::vector<std::uint64_t>{MS_SLAVE | MS_REC});
  CHECK(plan->setup.ops[3].attributes ==
        AttributeChange{.set = MOUNT_ATTR_NOATIME, .clear = MOUNT_ATTR__ATIME});
}

TEST_CASE("sources of bind mounts are below the bundle") {
  oci::RuntimeConfig config = default_config();
  config.mounts = {{"/mnt", "none", "data", {"bind"}}};
  CHECK(line_of(plan_lines(config, {.rootfs = "/r", .bundle = "/b"}), "bind") == "bind /b/data mnt");
  CHECK(error_of(config).kind() == ErrorKind::invalid);
}

TEST_CASE("mount points are cleaned before anything is looked up") {
  oci::RuntimeConfig config = default_config();
  config.mounts = {{"relative", "tmpfs", "tmpfs", {}}, {"/a/./b//../c/", "tmpfs", "tmpfs", {}}};
  const auto all = plan_lines(config, {.rootfs = "/r"});
  CHECK(line_of(all, "mount tmpfs tmpfs relative") == "mount tmpfs tmpfs relative");
  CHECK(line_of(all, "mount tmpfs tmpfs a") == "mount tmpfs tmpfs a/c");
}

TEST_CASE("a read-only tmpfs is made read-only when all is in it") {
  oci::RuntimeConfig config = default_config();
  config.mounts = {{"/dev", "tmpfs", "tmpfs", {"nosuid", "ro"}},
                   {"/run", "tmpfs", "tmpfs", {"ro", "mode=755"}}};
  const auto all = plan_lines(config, {.rootfs = "/r"});
  CHECK(line_of(all, "mount tmpfs tmpfs dev") == "mount tmpfs tmpfs dev nosuid");
  CHECK(all[all.size() - 3] == "remount dev ro");
  CHECK(all[all.size() - 2] == "remount run ro");
}

TEST_CASE("any file system is left to the kernel, with its source and options") {
  oci::RuntimeConfig config = default_config();
  config.mounts = {{"/mnt", "ext4", "/dev/sda1", {"ro", "sync", "data=journal"}},
                   {"/o", "overlay", "overlay", {"lowerdir=/a:/b", "userxattr"}}};
  const auto all = plan_lines(config, {.rootfs = "/r"});
  CHECK(line_of(all, "mount ext4") == "mount ext4 /dev/sda1 mnt ro [sync,data=journal]");
  CHECK(line_of(all, "mount overlay") == "mount overlay overlay o [lowerdir=/a:/b,userxattr]");
}

TEST_CASE("remount changes what is mounted") {
  oci::RuntimeConfig config = default_config();
  config.mounts.push_back({"/dev/shm", "tmpfs", "tmpfs", {"remount", "ro", "size=1m"}});
  config.mounts.push_back({"/proc", "", "", {"remount", "bind", "rw"}});
  const auto all = plan_lines(config, {.rootfs = "/r"});
  CHECK(line_of(all, "remount dev/shm") == "remount dev/shm ro [size=1m]");
  CHECK(line_of(all, "remount proc") == "remount proc");
}

TEST_CASE("ids of a bind mount are mapped by its own map or the container's") {
  oci::RuntimeConfig config = default_config();
  config.mounts = {{"/a", "bind", "/x", {"rbind", "ridmap"}, {{0, 1000, 10}}, {{0, 2000, 10}}},
                   {"/b", "bind", "/x", {"idmap"}}};
  CHECK(error_of(config).kind() == ErrorKind::invalid);
  config.namespaces.emplace_back(oci::Namespace::user);
  config.uid_mappings = {{0, 5000, 1}};
  config.gid_mappings = {{0, 6000, 1}};
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  REQUIRE(plan->id_mapped.size() == 2);
  CHECK(plan->id_mapped[0] ==
        IdMappedBind{.op = 2, .recursive = true, .uids = {{0, 1000, 10}}, .gids = {{0, 2000, 10}}});
  CHECK(plan->id_mapped[1] ==
        IdMappedBind{.op = 3, .recursive = false, .uids = {{0, 5000, 1}}, .gids = {{0, 6000, 1}}});
  config.mounts = {{"/a", "tmpfs", "", {"idmap"}}};
  CHECK(error_of(config).kind() == ErrorKind::unsupported);
}

TEST_CASE("the usual devices are made unless /dev is somebody else's") {
  oci::RuntimeConfig config = default_config();
  config.mounts.clear();
  CHECK(line_of(plan_lines(config, {.rootfs = "/r"}), "device /dev/null") == "device /dev/null dev/null");
  for (const char* destination : {"/dev/", "dev"}) {
    config.mounts = {{destination, "bind", "/dev", {"rbind"}}};
    CHECK(line_of(plan_lines(config, {.rootfs = "/r"}), "device").empty());
    CHECK(line_of(plan_lines(config, {.rootfs = "/r"}), "symlink").empty());
  }
}

TEST_CASE("listed devices come after the mounts and replace the usual ones") {
  oci::RuntimeConfig config = default_config();
  config.devices = {{.path = "/dev/null", .type = 'c', .major = 1, .minor = 3, .file_mode = 0600, .uid = 7},
                    {.path = "/opt/pipe", .type = 'p'},
                    {.path = "/dev/block", .type = 'b', .major = 8, .minor = 1}};
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  std::vector<SetupOp> nodes;
  for (const SetupOp& op : plan->setup.ops)
    if (op.kind == SetupKind::device && op.node->required) nodes.push_back(op);
  REQUIRE(nodes.size() == 3);
  CHECK(*nodes[0].node == DeviceNode{.mode = S_IFCHR | 0600, .major = 1, .minor = 3, .uid = 7});
  CHECK(*nodes[1].node == DeviceNode{.mode = S_IFIFO | 0666});
  CHECK(nodes[1].target == "opt/pipe");
  CHECK(*nodes[2].node == DeviceNode{.mode = S_IFBLK | 0666, .major = 8, .minor = 1});
  CHECK(std::ranges::count(lines(*plan), "device /dev/null dev/null") == 1);
  config.devices = {{.path = "/dev/x", .type = 'x'}};
  CHECK(error_of(config).kind() == ErrorKind::invalid);
  config.devices = {{.path = "/dev/x", .type = 'c', .major = -1}};
  CHECK(error_of(config).kind() == ErrorKind::invalid);
  config.devices = {{.path = "/", .type = 'p'}};
  CHECK(error_of(config).kind() == ErrorKind::invalid);
}

TEST_CASE("control groups as this host has them") {
  oci::RuntimeConfig config = default_config();
  config.mounts = {{"/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "relatime"}}};
  PlanFacts host = facts();
  host.cgroups = {{"", "/sys/fs/cgroup", "/"}};
  CHECK(line_of(plan_lines(config, {.rootfs = "/r"}, host), "mount cgroup2") ==
        "mount cgroup2 sys/fs/cgroup ro nosuid or empty");
  std::erase(config.namespaces, oci::RuntimeNamespace(oci::Namespace::cgroup));
  CHECK(line_of(plan_lines(config, {.rootfs = "/r"}, host), "own cgroup") ==
        "own cgroup /sys/fs/cgroup sys/fs/cgroup ro nosuid");
}

TEST_CASE("control groups of version 1 and of both") {
  oci::RuntimeConfig config = default_config();
  config.mounts = {{"/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid"}}};
  PlanFacts host = facts();
  host.cgroups = {{"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/"},
                  {"name=systemd", "/sys/fs/cgroup/systemd", "/"},
                  {"", "/sys/fs/cgroup/unified", "/"}};
  auto all = plan_lines(config, {.rootfs = "/r"}, host);
  const auto first = std::ranges::find(all, "mount tmpfs sys/fs/cgroup nosuid [mode=755,size=64k]");
  REQUIRE(first != all.end());
  CHECK(std::vector<std::string>(first + 1, first + 6) ==
        std::vector<std::string>{"mount cgroup sys/fs/cgroup/cpu,cpuacct ro nosuid [cpu,cpuacct] or empty",
                                 "symlink cpu,cpuacct sys/fs/cgroup/cpu",
                                 "symlink cpu,cpuacct sys/fs/cgroup/cpuacct",
                                 "mount cgroup sys/fs/cgroup/systemd ro nosuid [none,name=systemd] or empty",
                                 "mount cgroup2 sys/fs/cgroup/unified ro nosuid or empty"});
  CHECK(all[all.size() - 2] == "remount sys/fs/cgroup ro");
  std::erase(config.namespaces, oci::RuntimeNamespace(oci::Namespace::cgroup));
  all = plan_lines(config, {.rootfs = "/r"}, host);
  CHECK(line_of(all, "own cgroup name=systemd") ==
        "own cgroup name=systemd /sys/fs/cgroup/systemd sys/fs/cgroup/systemd ro nosuid");
}

TEST_CASE("propagation of the root directory comes when it is the root") {
  oci::RuntimeConfig config = default_config();
  config.rootfs_propagation = "rshared";
  const auto plan = make_setup_plan(config, facts(), {.rootfs = "/r"});
  REQUIRE(plan);
  CHECK(plan->setup.ops.back().kind == SetupKind::root_propagation);
  CHECK(plan->setup.ops.back().propagation == std::vector<std::uint64_t>{MS_SHARED | MS_REC});
  CHECK(plan->setup.ops[1].propagation == std::vector<std::uint64_t>{MS_SHARED | MS_REC});
  config.rootfs_propagation = "sharing";
  CHECK(error_of(config).kind() == ErrorKind::invalid);
}

TEST_CASE("the root directory can be moved instead of pivoted to") {
  CHECK(plan_lines(default_config(), {.rootfs = "/r", .no_pivot = true}).back() == "move root");
}

TEST_CASE("labels of mounts need SELinux") {
  oci::RuntimeConfig config = default_config();
  config.mount_label = "system_u:object_r:container_file_t:s0";
  config.mounts = {{"/run", "tmpfs", "tmpfs", {"mode=755"}}, {"/proc", "proc", "proc", {}}};
  CHECK(error_of(config).kind() == ErrorKind::unsupported);
  PlanFacts host = facts();
  host.selinux = true;
  const auto all = plan_lines(config, {.rootfs = "/r"}, host);
  CHECK(line_of(all, "mount tmpfs") ==
        "mount tmpfs tmpfs run [mode=755,context=system_u:object_r:container_file_t:s0]");
  CHECK(line_of(all, "mount proc") == "mount proc proc");
}

TEST_CASE("mounts that cannot be are refused") {
  oci::RuntimeConfig config = default_config();
  const auto refused = [&](oci::RuntimeMount mount) {
    config.mounts = {std::move(mount)};
    return error_of(config).kind();
  };
  CHECK(refused({"/a/..", "tmpfs", "", {}}) == ErrorKind::invalid);
  CHECK(refused({"", "tmpfs", "", {}}) == ErrorKind::invalid);
  CHECK(refused({"/mnt", "", "/x", {}}) == ErrorKind::invalid);
  CHECK(refused({"/mnt", "none", "/x", {"ro"}}) == ErrorKind::invalid);
  CHECK(refused({"/mnt", "proc", "", {"tmpcopyup"}}) == ErrorKind::invalid);
  CHECK(refused({"/mnt", "bind", "/x", {"tmpcopyup"}}) == ErrorKind::invalid);
  CHECK(refused({"/", "tmpfs", "", {}}) == ErrorKind::invalid);
  CHECK(refused({"//", "bind", "/x", {}}) == ErrorKind::invalid);
  CHECK(refused({std::string("/a\0b", 4), "tmpfs", "", {}}) == ErrorKind::invalid);
  CHECK(refused({"/mnt", "bind", "relative", {}}) == ErrorKind::invalid);
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
  for (const char* key :
       {"kernel.msgmax", "kernel.shm_rmid_forced", "fs.mqueue.msg_max", "kernel.domainname"}) {
    INFO(key);
    config.sysctl = {{key, "1"}};
    CHECK(make_setup_plan(config, facts(), {.rootfs = "/r"}));
  }
  config.domainname = "home";
  CHECK(error_of(config).message().find("domain name 'home'") != std::string::npos);
  config.sysctl = {{"kernel.domainname", "home"}};
  CHECK(make_setup_plan(config, facts(), {.rootfs = "/r"}));
  config.sysctl = {{"kernel.hostname", config.hostname}};
  CHECK(error_of(config).message().find("'hostname'") != std::string::npos);
  for (const char* key : {"kernel.panic", "vm.swappiness", "fs.file-max", "kernel/core_pattern"}) {
    INFO(key);
    config.sysctl = {{key, "1"}};
    CHECK(error_of(config).kind() == ErrorKind::unsupported);
  }
  config.namespaces = {oci::Namespace::mount, oci::Namespace::network};
  config.sysctl = {{"kernel.sem", "1"}};
  CHECK(error_of(config).message() ==
        "the sysctl 'kernel.sem' would be the host's: the container has its ipc namespace");
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

#include "oci/runtime_config_json.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {

RuntimeConfig parsed(std::string_view text) {
  const Result<RuntimeConfig> config = parse_runtime_config(text);
  INFO((config ? "" : config.error().message()));
  REQUIRE(config.has_value());
  return *config;
}

std::string fault(std::string_view text) {
  const Result<RuntimeConfig> config = parse_runtime_config(text);
  return config ? "no error" : config.error().message();
}

// A config.json with this under the key.
std::string with(std::string_view key, std::string_view json) {
  return fmt::format(R"({{"ociVersion":"1.2.0","root":{{"path":"rootfs"}},"{}":{}}})", key, json);
}
std::string process_fault(std::string_view members) {
  return fault(with("process", fmt::format(R"({{"cwd":"/","args":["sh"],{}}})", members)));
}
std::string linux_fault(std::string_view members) {
  return fault(with("linux", fmt::format("{{{}}}", members)));
}
std::string resources_fault(std::string_view members) {
  return linux_fault(fmt::format(R"("resources":{{{}}})", members));
}

// Every member has a value that is not its default.
RuntimeProcess full_process() {
  RuntimeProcess process;
  process.terminal = true;
  process.console_size = ConsoleSize{.height = 65535, .width = 80};
  process.args = {"/bin/app", "", "-v\n\"ü\""};
  process.env = {"A=b", "EMPTY=", "NOTHING"};
  process.cwd = "/srv";
  process.uid = 4294967295;
  process.gid = 7;
  process.additional_gids = {1, 2, 4294967294};
  process.umask = 0;
  process.capabilities = {.bounding = {"CAP_CHOWN", "CAP_KILL"},
                          .effective = {"CAP_CHOWN"},
                          .permitted = {"CAP_KILL"},
                          .inheritable = {"CAP_SYS_PTRACE"},
                          .ambient = {"CAP_SETUID"}};
  process.rlimits = {{.type = "RLIMIT_NOFILE", .soft = 1024, .hard = 18446744073709551615U},
                     {.type = "RLIMIT_CORE", .soft = 0, .hard = 0}};
  process.no_new_privileges = true;
  process.oom_score_adj = -1000;
  process.scheduler = Scheduler{.policy = "SCHED_DEADLINE",
                                .nice = -20,
                                .priority = 99,
                                .flags = {"SCHED_FLAG_RESET_ON_FORK"},
                                .runtime = 1,
                                .deadline = 2,
                                .period = 18446744073709551615U};
  process.io_priority = IoPriority{.io_class = "IOPRIO_CLASS_IDLE", .priority = 7};
  process.exec_cpu_affinity = CpuAffinity{.initial = "0-3", .final = "1"};
  process.apparmor_profile = "profile";
  process.selinux_label = "system_u:system_r:container_t:s0";
  return process;
}

Resources full_resources() {
  Resources resources;
  resources.memory = {.limit = 536870912,
                      .reservation = -1,
                      .swap = INT64_MAX,
                      .kernel = 0,
                      .kernel_tcp = 1,
                      .swappiness = 0,
                      .disable_oom_killer = true,
                      .check_before_update = true};
  resources.cpu = {.shares = 2,
                   .quota = -1,
                   .period = 100000,
                   .burst = 5,
                   .realtime_runtime = 6,
                   .realtime_period = 7,
                   .idle = 1,
                   .cpus = "0-2,4",
                   .mems = "0"};
  resources.pids = -1;
  resources.block_io = {.weight = 10,
                        .leaf_weight = 1000,
                        .weight_devices = {{.major = 8, .minor = 0, .value = 500}},
                        .leaf_weight_devices = {{.major = 8, .minor = 1, .value = 300}},
                        .read_bytes = {{.major = 8, .minor = 2, .value = 18446744073709551615U}},
                        .write_bytes = {{.major = 8, .minor = 3, .value = 1}},
                        .read_operations = {{.major = 8, .minor = 4, .value = 2}},
                        .write_operations = {{.major = 8, .minor = 5, .value = 3}}};
  resources.hugepages = {{.page_size = "2MB", .limit = 0}, {.page_size = "1GB", .limit = 1 << 30}};
  resources.network = {.class_id = 1048577, .priorities = {{"eth0", 500}, {"lo", 0}}};
  resources.rdma = {{"mlx5_1", {.handles = 3, .objects = {}}}, {"mlx4_0", {.handles = {}, .objects = {}}}};
  resources.unified = {{"memory.high", "1073741824"}, {"hugetlb.1GB.max", "max"}};
  resources.devices = {{.allow = false, .type = 'a', .major = {}, .minor = {}, .access = "rwm"},
                       {.allow = true, .type = 'c', .major = 10, .minor = 229, .access = "rw"},
                       {.allow = true, .type = 'b', .major = 8, .minor = {}, .access = "m"}};
  return resources;
}

SeccompConfig full_seccomp() {
  return {
      .default_action = "SCMP_ACT_ERRNO",
      .default_errno_return = 38,
      .architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"},
      .flags = {"SECCOMP_FILTER_FLAG_LOG"},
      .listener_path = "/run/listener.sock",
      .listener_metadata = "about it",
      .rules = {{.names = {"getcwd", "chmod"}, .action = "SCMP_ACT_ALLOW", .errno_return = {}, .args = {}},
                {.names = {"clone"},
                 .action = "SCMP_ACT_ERRNO",
                 .errno_return = 1,
                 .args = {{.index = 5,
                           .value = 18446744073709551615U,
                           .value_two = 7,
                           .operation = "SCMP_CMP_MASKED_EQ"}}}}};
}

RuntimeConfig full_config() {
  RuntimeConfig config;
  config.version = "1.2.1-dev";
  config.root_path = "/root/fs";
  config.process = full_process();
  config.root_read_only = true;
  config.hostname = "host";
  config.domainname = "domain";
  config.mounts = {{.destination = "/proc",
                    .type = "proc",
                    .source = "proc",
                    .options = {"nosuid", "ro"},
                    .uid_mappings = {},
                    .gid_mappings = {}},
                   {.destination = "/data",
                    .type = "bind",
                    .source = "/srv/data",
                    .options = {"rbind", "idmap"},
                    .uid_mappings = {{.container_id = 0, .host_id = 1000, .size = 4294967295}},
                    .gid_mappings = {{.container_id = 1, .host_id = 2, .size = 3}}}};
  config.namespaces = {Namespace::pid,   {Namespace::network, "/run/netns/a"},
                       Namespace::mount, Namespace::ipc,
                       Namespace::uts,   Namespace::cgroup,
                       Namespace::user,  Namespace::time};
  config.uid_mappings = {{.container_id = 0, .host_id = 100000, .size = 65536}};
  config.gid_mappings = {{.container_id = 0, .host_id = 200000, .size = 65536}};
  config.time_offsets = {{"monotonic", {.seconds = -5, .nanoseconds = 999999999}},
                         {"boottime", {.seconds = 86400, .nanoseconds = 0}}};
  config.devices = {
      {.path = "/dev/fuse", .type = 'c', .major = 10, .minor = 229, .file_mode = 438, .uid = 0, .gid = 5},
      {.path = "/dev/pipe", .type = 'p', .major = 0, .minor = 0, .file_mode = {}, .uid = {}, .gid = {}}};
  const auto hook = [](std::string path) {
    return std::vector<Hook>{
        {.path = std::move(path), .args = {"name", "one"}, .env = {"A=b"}, .timeout = 5}};
  };
  config.hooks = {.prestart = hook("/a"),
                  .create_runtime = hook("/b"),
                  .create_container = hook("/c"),
                  .start_container = hook("/d"),
                  .poststart = hook("/e"),
                  .poststop = hook("/f")};
  config.hooks.poststop.push_back({.path = "/g", .args = {}, .env = {}, .timeout = {}});
  config.masked_paths = {"/proc/kcore"};
  config.read_only_paths = {"/proc/sys", "/proc/bus"};
  config.sysctl = {{"net.ipv4.ip_forward", "1"}};
  config.default_seccomp = false;
  config.seccomp = full_seccomp();
  config.cgroups_path = "user.slice:ecrin:a";
  config.resources = full_resources();
  config.rootfs_propagation = "rslave";
  config.mount_label = "label";
  config.personality = Personality{.domain = "LINUX32", .flags = {"X"}};
  config.intel_rdt = IntelRdt{.clos_id = "guaranteed",
                              .l3_cache_schema = "L3:0=f",
                              .memory_bandwidth_schema = "MB:0=20",
                              .enable_cache_monitoring = true,
                              .enable_memory_monitoring = true};
  config.annotations = {{"org.example.key", "value"}, {"empty", ""}};
  return config;
}

}  // namespace

TEST_CASE("a runtime config survives being written and read") {
  const RuntimeConfig config = full_config();
  CHECK(parsed(runtime_config_json(config)) == config);

  RuntimeConfig small;
  small.root_path = "rootfs";
  small.has_process = false;
  small.process = {};
  small.namespaces.clear();
  small.default_seccomp = false;
  CHECK(parsed(runtime_config_json(small)) == small);
  small.intel_rdt.emplace();
  CHECK(parsed(runtime_config_json(small)) == small);
}

TEST_CASE("a config.json holds nothing that it does not say") {
  const RuntimeConfig config =
      parsed(R"({"ociVersion":"1.0.0","root":{"path":"rootfs"},"process":{"args":["sh"],"cwd":"/"}})");
  CHECK(config.has_process);
  CHECK(config.process.uid == 0);
  CHECK_FALSE(config.process.no_new_privileges);
  CHECK_FALSE(config.process.umask.has_value());
  CHECK(config.process.capabilities == Capabilities());
  CHECK(config.process.rlimits.empty());
  CHECK(config.namespaces.empty());
  CHECK(config.mounts.empty());
  CHECK(config.masked_paths.empty());
  CHECK_FALSE(config.default_seccomp);
  CHECK_FALSE(config.seccomp.has_value());
  CHECK(config.resources.empty());
  CHECK_FALSE(parsed(R"({"ociVersion":"1.0.0","root":{"path":"rootfs"}})").has_process);
}

TEST_CASE("a null in config.json is as good as nothing, and unknown properties are left alone") {
  const RuntimeConfig config = parsed(R"({"ociVersion":"1.1.0+dev","root":{"path":"rootfs","readonly":null},
    "process":null,"hooks":null,"mounts":null,"linux":{"resources":null,"seccomp":null,"namespaces":null,
    "intelRdt":null,"memoryPolicy":null,"new":{"a":[1]}},"windows":{"layerFolders":5},"vm":[],"solaris":{},
    "zos":1,"x":"y"})");
  CHECK_FALSE(config.has_process);
  CHECK_FALSE(config.seccomp.has_value());
  CHECK_FALSE(config.intel_rdt.has_value());
}

TEST_CASE("versions 1 of the runtime specification are read, and no others") {
  const auto version = [](std::string_view text) {
    return fault(fmt::format(R"({{"ociVersion":{},"root":{{"path":"rootfs"}}}})", text));
  };
  for (const char* text : {"1.0.0", "1.0.2-dev", "1.1.0+dev", "1.2.1", "1.3.0-rc.1+x"})
    CHECK(version(fmt::format("\"{}\"", text)) == "no error");
  CHECK(version(R"("2.0.0")") ==
        "ociVersion is 2.0.0, only versions 1 of the runtime specification are known");
  CHECK(version(R"("0.9.0")") ==
        "ociVersion is 0.9.0, only versions 1 of the runtime specification are known");
  for (const char* text : {"", "1", "1.2", "1.2.x", "1.2.3.4", "v1.2.0", "-1.0.0"})
    CHECK(version(fmt::format("\"{}\"", text)) ==
          fmt::format("ociVersion must be a version like 1.2.0, not '{}'", text));
  CHECK(version("1.2") == "ociVersion must be a string");
  CHECK(version("null") == "ociVersion is missing");
}

TEST_CASE("what config.json must have and has not is an error with its name") {
  CHECK(fault("{}") == "ociVersion is missing");
  CHECK(fault(R"({"ociVersion":"1.2.0"})") == "root is missing");
  CHECK(fault(R"({"ociVersion":"1.2.0","root":{}})") == "root.path is missing");
  CHECK(fault(R"({"ociVersion":"1.2.0","root":{"path":""}})") == "root has an empty path");
  CHECK(fault(with("process", R"({"args":["sh"]})")) == "process.cwd is missing");
  CHECK(fault(with("process", R"({"args":["sh"],"cwd":""})")) == "process.cwd must be absolute, not ''");
  CHECK(fault(with("process", R"({"args":["sh"],"cwd":"a"})")) == "process.cwd must be absolute, not 'a'");
  CHECK(fault(with("process", R"({"cwd":"/"})")) == "process.args is missing");
  CHECK(fault(with("process", R"({"cwd":"/","args":[]})")) ==
        "process has no args: there is nothing to execute");
  CHECK(process_fault(R"("rlimits":[{"type":"RLIMIT_CORE","soft":1}])") ==
        "process.rlimits[0].hard is missing");
  CHECK(process_fault(R"("consoleSize":{"height":1})") == "process.consoleSize.width is missing");
  CHECK(process_fault(R"("scheduler":{})") == "process.scheduler.policy is missing");
  CHECK(process_fault(R"("ioPriority":{"priority":1})") == "process.ioPriority.class is missing");
  CHECK(fault(with("mounts", R"([{"destination":"/a"},{"type":"tmpfs"}])")) ==
        "mounts[1].destination is missing");
  CHECK(fault(with("hooks", R"({"poststop":[{"args":["a"]}]})")) == "hooks.poststop[0].path is missing");
  CHECK(linux_fault(R"("namespaces":[{}])") == "linux.namespaces[0].type is missing");
  CHECK(linux_fault(R"("uidMappings":[{"containerID":0,"hostID":1}])") ==
        "linux.uidMappings[0].size is missing");
  CHECK(linux_fault(R"("devices":[{"path":"/dev/a"}])") == "linux.devices[0].type is missing");
  CHECK(linux_fault(R"("devices":[{"type":"c","path":"/dev/a","major":1}])") ==
        "linux.devices[0].minor is missing");
  CHECK(linux_fault(R"("devices":[{"type":"p","path":"/dev/a"}])") == "no error");
  CHECK(linux_fault(R"("seccomp":{})") == "linux.seccomp.defaultAction is missing");
  CHECK(linux_fault(R"("seccomp":{"defaultAction":"a","syscalls":[{"names":["a"]}]})") ==
        "linux.seccomp.syscalls[0].action is missing");
  CHECK(linux_fault(R"("personality":{})") == "linux.personality.domain is missing");
  CHECK(resources_fault(R"("hugepageLimits":[{"limit":1}])") ==
        "linux.resources.hugepageLimits[0].pageSize is missing");
  CHECK(resources_fault(R"("devices":[{"type":"a"}])") == "linux.resources.devices[0].allow is missing");
  CHECK(resources_fault(R"("blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0}]})") ==
        "linux.resources.blockIO.throttleReadBpsDevice[0].rate is missing");
  CHECK(resources_fault(R"("network":{"priorities":[{"name":"lo"}]})") ==
        "linux.resources.network.priorities[0].priority is missing");
}

TEST_CASE("a value of another type in config.json is an error with its name") {
  CHECK(fault("[]") == "the document must be an object");
  CHECK(fault("null") == "the document must be an object");
  CHECK(fault(with("process", "[]")) == "process must be an object");
  CHECK(process_fault(R"("terminal":"yes")") == "process.terminal must be true or false");
  CHECK(process_fault(R"("env":["A=b",1])") == "process.env[1] must be a string");
  CHECK(process_fault(R"("env":[null])") == "process.env[0] must be a string");
  CHECK(process_fault(R"("user":{"uid":"root"})") ==
        "process.user.uid must be a whole number from 0 to 4294967295");
  CHECK(process_fault(R"("capabilities":["CAP_CHOWN"])") == "process.capabilities must be an object");
  CHECK(fault(with("mounts", R"({"destination":"/a"})")) == "mounts must be a list");
  CHECK(fault(with("mounts", R"(["/a"])")) == "mounts[0] must be an object");
  CHECK(fault(with("mounts", R"([null])")) == "mounts[0] must be an object");
  CHECK(fault(with("mounts", R"([{"destination":"/a","options":"ro"}])")) ==
        "mounts[0].options must be a list");
  CHECK(fault(with("annotations", R"({"a":1})")) == "annotations.a must be a string");
  CHECK(fault(with("linux", "1")) == "linux must be an object");
  CHECK(linux_fault(R"("sysctl":{"a.b":1})") == "linux.sysctl.a.b must be a string");
  CHECK(resources_fault(R"("rdma":{"m":1})") == "linux.resources.rdma.m must be an object");
}

TEST_CASE("numbers of config.json that do not fit are errors") {
  CHECK(process_fault(R"("user":{"uid":-1})") ==
        "process.user.uid must be a whole number from 0 to 4294967295");
  CHECK(process_fault(R"("user":{"uid":4294967296})") ==
        "process.user.uid must be a whole number from 0 to 4294967295");
  CHECK(process_fault(R"("user":{"uid":1.0})") ==
        "process.user.uid must be a whole number from 0 to 4294967295");
  CHECK(process_fault(R"("consoleSize":{"height":65536,"width":1})") ==
        "process.consoleSize.height must be a whole number from 0 to 65535");
  CHECK(process_fault(R"("oomScoreAdj":2147483648)") ==
        "process.oomScoreAdj must be a whole number from -2147483648 to 2147483647");
  CHECK(process_fault(R"("rlimits":[{"type":"a","soft":18446744073709551616,"hard":1}])") ==
        "process.rlimits[0].soft must be a whole number from 0 to 18446744073709551615");
  CHECK(resources_fault(R"("memory":{"limit":9223372036854775808})") ==
        "linux.resources.memory.limit must be a whole number from -9223372036854775808 to "
        "9223372036854775807");
  CHECK(resources_fault(R"("memory":{"limit":-9223372036854775808})") == "no error");
  CHECK(resources_fault(R"("memory":{"limit":1e300})") ==
        "linux.resources.memory.limit must be a whole number from -9223372036854775808 to "
        "9223372036854775807");
  CHECK(resources_fault(R"("blockIO":{"weight":65536})") ==
        "linux.resources.blockIO.weight must be a whole number from 0 to 65535");
  CHECK(resources_fault(R"("devices":[{"allow":true,"major":-2}])") ==
        "linux.resources.devices[0].major must be a whole number from -1 to 9223372036854775807");
  CHECK(linux_fault(R"("seccomp":{"defaultAction":"a","syscalls":[{"names":["a"],"action":"b",
                       "args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]})") ==
        "linux.seccomp.syscalls[0].args[0].index must be a whole number from 0 to 5");
}

TEST_CASE("what config.json says twice is an error") {
  CHECK(linux_fault(R"("namespaces":[{"type":"pid"},{"type":"mount"},{"type":"pid","path":"/a"}])") ==
        "linux.namespaces[2] is the second of its kind");
  CHECK(process_fault(R"("rlimits":[{"type":"RLIMIT_CORE","soft":0,"hard":0},
                                    {"type":"RLIMIT_CORE","soft":1,"hard":1}])") ==
        "process has two rlimits of type RLIMIT_CORE");
  CHECK(fault(with("root", R"({"path":"other"})")).ends_with("the key 'root' is there twice"));
}

TEST_CASE("words that config.json cannot have are errors") {
  CHECK(linux_fault(R"("namespaces":[{"type":"net"}])") ==
        "linux.namespaces[0].type must be a kind of namespace, not 'net'");
  CHECK(linux_fault(R"("namespaces":[{"type":"pid","path":"a"}])") ==
        "linux.namespaces[0] has a path that is not absolute: 'a'");
  CHECK(linux_fault(R"("devices":[{"type":"cc","path":"/dev/a"}])") ==
        "linux.devices[0] has the type 'cc', not b, c, u or p");
  CHECK(linux_fault(R"("devices":[{"type":"c","path":"dev/a"}])") ==
        "linux.devices[0] has a path that is not absolute: 'dev/a'");
  CHECK(linux_fault(R"("timeOffsets":{"realtime":{"secs":1}})") ==
        "linux.timeOffsets.realtime is not the name of a clock");
  CHECK(linux_fault(R"("seccomp":{"defaultAction":"a","syscalls":[{"names":[],"action":"b"}]})") ==
        "linux.seccomp.syscalls[0] has no names");
  CHECK(linux_fault(R"("netDevices":{"eth0":{}})") == "linux.netDevices is not supported");
  CHECK(linux_fault(R"("netDevices":{})") == "no error");
  CHECK(resources_fault(R"("devices":[{"allow":true,"type":"x"}])") ==
        "linux.resources.devices[0] has the type 'x', not a, b or c");
  CHECK(resources_fault(R"("devices":[{"allow":true,"access":"rx"}])") ==
        "linux.resources.devices[0] has the access 'rx', not one of r, w and m");
  CHECK(fault(with("hooks", R"({"prestart":[{"path":"bin/a"}]})")) ==
        "hooks.prestart[0] has a path that is not absolute: 'bin/a'");
  CHECK(fault(with("hooks", R"({"prestart":[{"path":"/a","timeout":0}]})")) ==
        "hooks.prestart[0] has a timeout that is not above 0");
  CHECK(fault(with("mounts", R"([{"destination":""}])")) == "mounts[0] has an empty destination");
}

TEST_CASE("a relative destination of a mount is meant from the root") {
  CHECK(parsed(with("mounts", R"([{"destination":"srv/data"}])")).mounts[0].destination == "/srv/data");
}

TEST_CASE("hostile texts of config.json end in an error") {
  CHECK(fault("") != "no error");
  CHECK(fault(std::string("{\"ociVersion\":\"1.2.0\"}\0", 24)).ends_with("a NUL byte is not JSON"));
  CHECK(process_fault(R"("env":["A=\u0000b"])") == "process.env[0] contains a NUL character");
  CHECK(fault(with("annotations", R"({"a\u0000":"b"})")) == "annotations has a name with a NUL character");
  CHECK(fault(with("annotations", "{\"a\\u001b[2J\":1}")) == "annotations.a\\x1b[2J must be a string");
  CHECK(fault(std::string(200, '[')).ends_with("nested deeper than 100 levels"));
  CHECK(fault(with("x", "\"\xff\"")) != "no error");
  CHECK(fault(with("x", "1} {")) != "no error");
  const Result<RuntimeConfig> huge = parse_runtime_config(std::string(k_runtime_config_limit + 1, ' '));
  REQUIRE_FALSE(huge.has_value());
  CHECK(huge.error().kind() == ErrorKind::limit);
  CHECK(parse_runtime_config(std::string(k_runtime_config_limit, '[')).has_value() == false);
}

TEST_CASE("the process of an exec is a text of its own") {
  const Result<RuntimeProcess> process = parse_runtime_process(
      R"({"args":["id"],"cwd":"/tmp","user":{"uid":5,"gid":6,"additionalGids":[7],"umask":18}})");
  REQUIRE(process.has_value());
  CHECK(process->args == std::vector<std::string>{"id"});
  CHECK(process->uid == 5);
  CHECK(process->umask == 022U);
  CHECK_FALSE(process->no_new_privileges);
  CHECK(parse_runtime_process(R"({"args":["id"]})").error().message() == "process.cwd is missing");
  CHECK(parse_runtime_process("3").error().message() == "process must be an object");
}

TEST_CASE("resources are a text of their own") {
  const Result<Resources> resources =
      parse_resources_json(R"({"memory":{"limit":5},"pids":{"limit":0},"blockIO":{"weightDevice":[
        {"major":8,"minor":0,"weight":10,"leafWeight":20},{"major":8,"minor":1}]},
        "devices":[{"allow":true,"major":-1,"minor":-1,"type":"","access":""}]})");
  REQUIRE(resources.has_value());
  CHECK(resources->memory.limit == 5);
  CHECK(resources->pids == 0);
  CHECK(resources->block_io.weight_devices ==
        std::vector<BlockDeviceValue>{{.major = 8, .minor = 0, .value = 10}});
  CHECK(resources->block_io.leaf_weight_devices ==
        std::vector<BlockDeviceValue>{{.major = 8, .minor = 0, .value = 20}});
  DeviceRule all;
  all.allow = true;
  CHECK(resources->devices == std::vector<DeviceRule>{all});
  CHECK(parse_resources_json("{}").value().empty());
  CHECK(parse_resources_json(R"({"pids":{}})").value().empty());
  CHECK(parse_resources_json(R"({"cpu":{"shares":-1}})").error().message() ==
        "resources.cpu.shares must be a whole number from 0 to 18446744073709551615");
}

TEST_CASE("the config that spec writes can be read") {
  const RuntimeConfig config = example_runtime_config(false, 0, 0);
  CHECK(parsed(runtime_config_json(config)) == config);
  CHECK(config.process.args == std::vector<std::string>{"sh"});
  CHECK(config.root_path == "rootfs");
  CHECK(find_namespace(config, Namespace::network) != nullptr);
  CHECK(find_namespace(config, Namespace::user) == nullptr);

  const RuntimeConfig rootless = example_runtime_config(true, 1000, 1001);
  CHECK(parsed(runtime_config_json(rootless)) == rootless);
  CHECK(find_namespace(rootless, Namespace::network) == nullptr);
  CHECK(find_namespace(rootless, Namespace::user) != nullptr);
  CHECK(rootless.uid_mappings == std::vector<IdMapping>{{.container_id = 0, .host_id = 1000, .size = 1}});
  CHECK(rootless.gid_mappings == std::vector<IdMapping>{{.container_id = 0, .host_id = 1001, .size = 1}});
  CHECK(rootless.resources.empty());
}

// What engines write as config.json, in small: the shapes that are theirs.
#include "oci/runtime_config_json.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::oci;

namespace {

RuntimeConfig parsed(std::string_view text) {
  const Result<RuntimeConfig> config = parse_runtime_config(text);
  INFO((config ? "" : config.error().message()));
  REQUIRE(config.has_value());
  CHECK(parse_runtime_config(runtime_config_json(*config)).value() == *config);
  return *config;
}

}  // namespace

TEST_CASE("a config.json in podman's shape is read") {
  const RuntimeConfig config = parsed(R"({
    "ociVersion": "1.0.2-dev",
    "process": {
      "user": {"uid": 0, "gid": 0, "umask": 18, "additionalGids": [1, 2]},
      "args": ["sleep", "10"], "env": ["TERM=xterm", "container=podman"], "cwd": "/",
      "capabilities": {"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"]},
      "rlimits": [{"type": "RLIMIT_NPROC", "hard": 32768, "soft": 32768}], "oomScoreAdj": 0
    },
    "root": {"path": "/var/store/merged"},
    "hostname": "bad0de02513b",
    "mounts": [
      {"destination": "/etc/hosts", "type": "bind", "source": "/run/hosts", "options": ["bind", "rprivate"]},
      {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
       "options": ["rprivate", "nosuid", "noexec", "nodev", "relatime", "ro"]}
    ],
    "annotations": {"io.container.manager": "libpod", "org.opencontainers.image.stopSignal": "15"},
    "linux": {
      "sysctl": {"net.ipv4.ping_group_range": "0 0"},
      "resources": {"devices": [{"allow": false, "access": "rwm"}], "pids": {"limit": 2048}},
      "cgroupsPath": "/libpod_parent/libpod-bad0",
      "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/cni-1"}, {"type": "mount"}],
      "seccomp": {
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [{"names": ["bdflush", "io_pgetevents"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
                     {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
                      "args": [{"index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ"}]}]
      },
      "maskedPaths": ["/proc/acpi", "/sys/dev/block"], "readonlyPaths": ["/proc/sys"]
    }
  })");
  CHECK(config.process.umask == 022U);
  CHECK(config.process.oom_score_adj == 0);
  CHECK(find_namespace(config, Namespace::network)->path == "/run/netns/cni-1");
  CHECK(config.seccomp->rules[0].errno_return == 1U);
  CHECK(config.seccomp->rules[1].args[0].value == 4294967295);
  CHECK(config.resources.devices == std::vector<DeviceRule>{DeviceRule{}});
}

TEST_CASE("a config.json in containerd's shape is read") {
  const RuntimeConfig config = parsed(R"({
    "ociVersion": "1.1.0",
    "process": {
      "user": {"uid": 0, "gid": 0, "additionalGids": [0, 10]}, "args": ["/pause"], "cwd": "/",
      "noNewPrivileges": true, "oomScoreAdj": -998, "apparmorProfile": "cri-containerd.apparmor.d"
    },
    "root": {"path": "rootfs", "readonly": true},
    "mounts": [{"destination": "/run", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}],
    "linux": {
      "resources": {
        "devices": [{"allow": false, "access": "rwm"},
                    {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
                    {"allow": true, "type": "c", "major": 136, "access": "rwm"}],
        "memory": {"limit": 0, "swap": 0}, "cpu": {"shares": 2}
      },
      "cgroupsPath": "kubepods-besteffort.slice:cri-containerd:12ab",
      "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "cgroup"},
                     {"type": "uts", "path": "/proc/4242/ns/uts"}],
      "maskedPaths": null, "readonlyPaths": []
    }
  })");
  CHECK(config.process.no_new_privileges);
  CHECK(config.process.capabilities == Capabilities());
  CHECK(config.process.oom_score_adj == -998);
  CHECK(config.resources.memory.limit == 0);
  CHECK(config.resources.devices[2].major == 136);
  CHECK_FALSE(config.resources.devices[2].minor.has_value());
  CHECK(config.cgroups_path == "kubepods-besteffort.slice:cri-containerd:12ab");
}

TEST_CASE("a config.json in buildah's shape is read") {
  const RuntimeConfig config = parsed(R"({
    "ociVersion": "1.0.2-dev",
    "process": {"terminal": false, "user": {"uid": 0, "gid": 0}, "args": ["/bin/sh", "-c", "true"],
                "env": ["BUILDAH_ISOLATION=oci"], "cwd": "/", "capabilities": {}, "rlimits": null},
    "root": {"path": "/tmp/buildah1/mnt/rootfs"},
    "mounts": [{"destination": "/dev/shm", "type": "bind", "source": "/dev/shm",
                "options": ["rbind", "nosuid", "noexec", "nodev", "rprivate"]}],
    "linux": {"uidMappings": [{"containerID": 0, "hostID": 0, "size": 1},
                              {"containerID": 1, "hostID": 100000, "size": 65536}],
              "gidMappings": [{"containerID": 0, "hostID": 0, "size": 65537}],
              "resources": {}, "namespaces": [{"type": "user"}, {"type": "mount"}],
              "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438,
                           "uid": 0, "gid": 0}]}
  })");
  CHECK(config.uid_mappings.size() == 2);
  CHECK(config.devices[0].file_mode == 0666U);
  CHECK(config.resources.empty());
}

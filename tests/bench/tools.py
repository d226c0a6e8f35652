"""The tools that are compared: how each of them does what is timed. Every method gives one command, a list of words."""

import os
import shutil


class Ecrin:
    name = "ecrin"
    parallel = []  # nothing to ask for: independent stages are built at the same time

    def __init__(self, binary, store):
        self.binary = binary
        self.store = store
        self.base = [binary, "--root", store]

    def at(self, store):
        return Ecrin(self.binary, store)

    def load(self, layout, tag, name):
        return [*self.base, "copy", "-q", f"oci:{layout}:{tag}", name]

    def pull(self, image):
        return [*self.base, "pull", "-q", "--tls-verify=false", image]

    def push(self, image, destination, compression=None):
        return [*self.base, "push", "-q", "--tls-verify=false",
                *(["--compression", compression] if compression else []), image, "docker://" + destination]

    def build(self, context, name, more=()):
        return [*self.base, "build", "-q", "--network", "host", *more, "-f",
                os.path.join(context, "Containerfile"), "-t", name, context]

    def run(self, image, network):
        return [*self.base, "run", "--rm", "--network", network, image, "/bin/true"]

    def forget(self, names):
        """Built images; what they were made of may stay."""
        return [*self.base, "rmi", "-f", *names]


class Containers:
    """podman and buildah, which share a store. crun refuses hosts with both versions of cgroups, so steps are run in
    buildah's chroot, the fastest that they have, and containers by runc where it is there."""
    parallel = ["--jobs=4"]

    def __init__(self, name, store, run_root):
        self.name = name
        self.store = store
        self.run_root = run_root
        self.base = [name, *(["--cgroup-manager", "cgroupfs", "--events-backend", "none"] if name == "podman" else []),
                     "--root", store, "--runroot", run_root, "--storage-driver", "overlay"]

    def at(self, store):
        return Containers(self.name, store, self.run_root + "-" + os.path.basename(store))

    def load(self, layout, tag, name):
        return ["skopeo", "copy", "-q", f"oci:{layout}:{tag}",
                f"containers-storage:[overlay@{self.store}+{self.run_root}]{name}"]

    def pull(self, image):
        return [*self.base, "pull", "-q", "--tls-verify=false", image]

    def push(self, image, destination, compression=None):
        return [*self.base, "push", "-q", "--tls-verify=false",
                *(["--compression-format", compression] if compression and self.name == "podman" else []),
                image, "docker://" + destination]

    def build(self, context, name, more=()):
        return [*self.base, "build" if self.name == "podman" else "bud", "-q", "--layers",
                "--pull=never" if self.name == "podman" else "--pull-never", "--network", "host",
                "--isolation", "chroot", *more, "-f", os.path.join(context, "Containerfile"), "-t", name, context]

    def run(self, image, network):
        if self.name != "podman":
            return None  # buildah runs in containers that were made before
        runtime = ["--runtime", "runc"] if shutil.which("runc") else []
        return [*self.base, *runtime, "run", "--rm", "--network", network, image, "/bin/true"]

    def forget(self, names):
        return [*self.base, "rmi", "-f", *names]

    def forget_nameless(self):
        base = " ".join(self.base)
        return ["sh", "-c", f"{base} images -q --filter dangling=true | xargs -r {base} rmi -f"]


class Unpackers:
    """skopeo and umoci: they pull and unpack, and that is all."""
    name = "skopeo + umoci"

    def __init__(self, directory):
        self.store = directory

    def at(self, directory):
        return Unpackers(directory)

    def pull(self, image):
        return ["sh", "-c", f"mkdir -p {self.store} && skopeo copy -q --src-tls-verify=false docker://{image} "
                f"oci:{self.store}/oci:x && umoci unpack --rootless --image {self.store}/oci:x {self.store}/bundle"]


CRUN_CONFIG = """{"ociVersion": "1.0.2", "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/true"],
 "env": ["PATH=/bin"], "cwd": "/", "noNewPrivileges": true}, "root": {"path": "@ROOTFS@", "readonly": true},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}],
 "linux": {"uidMappings": [{"containerID": 0, "hostID": @UID@, "size": 1}],
           "gidMappings": [{"containerID": 0, "hostID": @GID@, "size": 1}],
           "namespaces": [{"type": "user"}, {"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"},
                          {"type": "network"}]}}
"""


def bare_runtimes(directory, rootfs):
    """Runtimes without images, on an unpacked root file system: name -> command."""
    config = (CRUN_CONFIG.replace("@ROOTFS@", rootfs).replace("@UID@", str(os.getuid()))
              .replace("@GID@", str(os.getgid())))
    os.makedirs(os.path.join(directory, "bundle"), exist_ok=True)
    with open(os.path.join(directory, "bundle", "config.json"), "w", encoding="utf-8") as file:
        file.write(config)
    state, bundle = os.path.join(directory, "state"), os.path.join(directory, "bundle")
    return {"crun": ["crun", "--cgroup-manager=disabled", "--root", state, "run", "-b", bundle, "bench"],
            "runc": ["runc", "--root", state, "run", "-b", bundle, "bench"]}


def versions(sampler):
    """One line a tool that is there."""
    told = []
    for program in ("bwrap", "crun", "runc", "podman", "buildah", "skopeo", "umoci", "pasta", "igzip"):
        if shutil.which(program):
            lines = sampler.output([program, "--version"]).splitlines()
            told.append(lines[0].strip() if lines else program)
    return told

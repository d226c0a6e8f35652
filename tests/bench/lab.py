"""What the workloads need to be there: base images in every tool's store, packed images, registries. It is made when it
is first asked for, and kept in the work directory for the next run."""

import os
import shutil
import socket
import subprocess
import sys
import time

import contexts
import images
from measure import Sampler
from tools import Containers, Ecrin, Unpackers

SMALL, LARGE = "localhost/bench-small", "localhost/bench-large"
REMOVED_SECONDS = 360  # so long ext4 may take an inode for freed just now
FILE_SECONDS = 100e-6  # what a new file may cost; ext4 that searches among freed inodes needs several times as much
INCLUDE = {"small": "", "large": ", include: [build-essential, cmake, git]"}


class Missing(Exception):
    """A workload cannot be run here, because a program is not there."""


def range_of(table):
    """The user's first range of ids: where it begins and how many they are; nothing where there is none."""
    names = (os.environ.get("USER", ""), str(os.getuid()))
    try:
        with open(table, encoding="ascii") as file:
            found = [line.strip().split(":")[1:] for line in file if line.split(":")[0] in names]
    except FileNotFoundError:
        found = []
    return found[0] if found else None


def has_ranges():
    return bool(range_of("/etc/subuid") and range_of("/etc/subgid"))


class Lab:
    def __init__(self, work, binary):
        self.work = work
        run = self.path("run")
        os.makedirs(run, mode=0o700, exist_ok=True)
        os.makedirs(self.path("home"), exist_ok=True)
        contexts.write(self.path("home/.config/containers/policy.json"),
                       '{"default": [{"type": "insecureAcceptAnything"}]}')
        self.sampler = Sampler(work, {"HOME": self.path("home"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                                      "XDG_RUNTIME_DIR": run, "BUILDAH_ISOLATION": "chroot"})
        self.ecrin = Ecrin(binary, self.path("ecrin"))
        self.peers = [Containers(name, self.path("containers"), self.path("run/containers"))
                      for name in ("podman", "buildah") if self.have(name) and self.have("skopeo")]
        self.layout = self.path("layout")
        self.contexts = self.path("contexts")
        self.word = str(int(time.time()))  # of this run
        self.servers = []
        self.ready = set()
        self.hosts = {}

    def path(self, name):
        return os.path.join(self.work, name)

    def have(self, program):
        return shutil.which(program) is not None

    def once(self, what):
        """True the first time."""
        fresh = what not in self.ready
        self.ready.add(what)
        return fresh

    # ---- room for trees ----------------------------------------------------------------------------------------

    def as_all_ids(self, script, *arguments):
        """Files of other ids can only be changed as root of a user namespace that has them."""
        if not has_ranges():
            return ["sh", "-c", script, "sh", *arguments]
        return ["unshare", "--map-root-user", "--map-auto", "sh", "-c", script, "sh", *arguments]

    def set_aside(self, *paths):
        """Makes room for a tree at these paths, without removing a file: ext4 does not give out an inode that was freed
        less than a minute or so ago, and looks at each of them again for every new file. A tool that ran after a
        large removal would pay for it with seconds of processor time, and now and then only. Large files are emptied,
        to give their blocks back; it all goes at the end."""
        script = ('aside=$1; shift; for path; do [ -e "$path" ] || continue; old=$aside/$(date +%s%N); '
                  'mkdir -p "$aside"; mv "$path" "$old"; find "$old" -type f -size +256k -exec truncate -s 0 {} +; done')
        return self.as_all_ids(script, self.path("aside"), *paths)

    def settle(self):
        """Waits till new files cost what they should, after another tool's removals (see set_aside), but not for ever."""
        probe, end, told = self.path("floor/probe"), time.monotonic() + REMOVED_SECONDS, False
        while True:
            self.sampler.call(self.set_aside(probe), check=False)
            begin = time.process_time()
            for directory in range(10):
                os.makedirs(os.path.join(probe, str(directory)))
                for number in range(50):
                    os.close(os.open(os.path.join(probe, str(directory), str(number)), os.O_CREAT | os.O_WRONLY))
            each = (time.process_time() - begin) / 500
            if each < FILE_SECONDS or time.monotonic() > end:
                if told and each >= FILE_SECONDS:
                    print(f"  going on: a new file costs {1e6 * each:.0f} us of processor time", flush=True)
                return
            if not told:
                print(f"  waiting: a new file costs {1e6 * each:.0f} us of processor time, as after a removal",
                      flush=True)
                told = True
            time.sleep(20)

    def fresh_directory(self, path):
        """The commands that make an empty directory at this path."""
        return [self.set_aside(path), ["mkdir", "-p", path]]

    def sizes(self, path):
        """MiB that a tree takes on the disk, also where its files belong to other ids."""
        told = self.sampler.output(self.as_all_ids('du -sk "$1"', path)).split()
        return int(told[0]) / 1024 if told else 0.0

    # ---- images ------------------------------------------------------------------------------------------------

    def tar(self, name):
        """The plain tar of a Debian system: small, or large with a compiler."""
        path = self.path(name + ".tar")
        if not os.path.exists(path):
            print(f"preparing the {name} image", flush=True)
            recipe = contexts.write(self.path(f"recipes/{name}.yaml"), f"name: {name}\nfrom: {{bootstrap: debian, "
                                    f"suite: bookworm{INCLUDE[name]}}}\n")
            maker = self.ecrin.at(self.path("maker"))
            self.sampler.call([*maker.base, "build", "-q", "-o", f"type=tar,dest={path}.new", recipe])
            os.rename(path + ".new", path)
        return path

    def image(self, tag):
        """An image in the OCI layout: small, large, large6 (the same in six layers), near1 to near3 (99 % of the files of
        large), data100 (MiB), files1000, each with -gzip or -zstd."""
        if tag in images.tags_of(self.layout):
            return tag
        what, packing = tag.rsplit("-", 1)
        print(f"preparing {tag}", flush=True)
        made = []
        draft = self.path("draft.tar")
        if what in INCLUDE:
            tars = [self.tar(what)]
        elif what == "large6":
            tars = made = images.divide(self.tar("large"), self.path("draft"))
        else:
            tars = made = [draft]
            if what.startswith("near"):
                images.change_some(self.tar("large"), draft, 0.01, what)
            elif what.startswith("data"):
                images.make_data(draft, int(what.removeprefix("data")))
            else:
                images.make_files(draft, int(what.removeprefix("files")))
        images.add_images(self.layout, {tag: {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}}, tars, packing)
        for path in made:
            os.remove(path)
        return tag

    def base(self, name):
        """An image in the stores of all tools, under this name."""
        what = "small" if name == SMALL else "large"
        if not self.once(name):
            return name
        if self.once("store"):
            self.sampler.call(self.set_aside(self.ecrin.store), check=False)
        tag = self.image(what + "-gzip")
        self.sampler.call(self.ecrin.load(self.layout, tag, name))
        self.sampler.call(self.ecrin.run(name, "none"))  # the others unpack when they load, ecrin at the first use
        mark = self.path(f"containers-{what}")
        if self.peers and not os.path.exists(mark):  # both have one store
            if self.sampler.call(self.peers[0].load(self.layout, tag, name), check=False):
                contexts.write(mark, "")
        return name

    def store_with_small(self, store):
        """ecrin with a new store that has the small image; once a run."""
        ecrin = self.ecrin.at(store)
        if self.once(store):
            self.sampler.call(self.set_aside(store), check=False)
            self.sampler.call(ecrin.load(self.layout, self.image("small-gzip"), SMALL))
            self.sampler.call(ecrin.run(SMALL, "none"))
        return ecrin

    def rootfs(self):
        """The small image, unpacked and the user's own, for tools that know no images."""
        path = self.path("rootfs")
        if not os.path.exists(path):
            os.makedirs(path + ".new", exist_ok=True)
            self.sampler.call(["tar", "x", "-C", path + ".new", "--no-same-owner", "-f", self.tar("small")])
            for name in ("mnt", "dev", "proc", "sys", "tmp"):  # bwrap makes no mount points in a read-only root
                os.makedirs(os.path.join(path + ".new", name), exist_ok=True)
            os.rename(path + ".new", path)
        return path

    def bwrap(self, *command, at=None):
        """A command in the small image, by bwrap; at: a directory that it may write to and begins in."""
        bound = ["--bind", at, "/mnt", "--chdir", "/mnt"] if at else []
        return ["bwrap", "--unshare-all", "--ro-bind", self.rootfs(), "/", *bound, "--proc", "/proc", "--dev", "/dev",
                *command]

    def context(self, name):
        contexts.make_contexts(self.contexts)
        return os.path.join(self.contexts, name)

    # ---- registries on loopback ----------------------------------------------------------------------------------

    def registry(self, name="registry"):
        """HOST:PORT of Debian's docker-registry with its data in the directory of this name; it ends with this program.
        It remembers no blobs, so its data may be removed while it runs."""
        if name in self.hosts:
            return self.hosts[name]
        if not self.have("docker-registry"):
            raise Missing("docker-registry is not there to pull from and push to")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = probe.getsockname()
        host = f"127.0.0.1:{address[1]}"
        config = contexts.write(self.path(name + ".yml"), "version: 0.1\nlog: {level: error, accesslog: {disabled: "
                                f"true}}}}\nstorage: {{filesystem: {{rootdirectory: {self.path(name)}}}}}\n"
                                f"http: {{addr: {host}}}\n")
        self.servers.append(self.sampler.start(["docker-registry", "serve", config]))
        for _ in range(100):
            try:
                socket.create_connection(address, 1).close()
                self.hosts[name] = host
                return host
            except OSError:
                time.sleep(0.1)
        return sys.exit(f"bench: docker-registry does not start; see {self.sampler.log.name}")

    def published(self, tag):
        """The full name of an image in the registry."""
        image = f"{self.registry()}/bench/{tag}:latest"
        mark = self.path(f"registry/docker/registry/v2/repositories/bench/{tag}/_manifests/tags/latest")
        self.image(tag)
        if not os.path.exists(mark):
            self.sampler.call([*self.ecrin.at(self.path("maker")).base, "copy", "-q", "--tls-verify=false",
                               f"oci:{self.layout}:{tag}", "docker://" + image])
        return image

    def pullers(self):
        """All that pull and unpack, each with a store of its own below pull/."""
        found = [tool.at(self.path("pull/" + tool.name)) for tool in [self.ecrin, *self.peers]]
        if self.have("skopeo") and self.have("umoci"):
            found.append(Unpackers(self.path("pull/umoci")))
        return found

    # ---- the end -------------------------------------------------------------------------------------------------

    def clean(self, names, thorough):
        """What the samples left. Files are removed only when that is asked for, or when there are many of them: what is
        written in the minutes after a removal is slow (see set_aside)."""
        stores = ("pull", "push", "floor", "scale", "memory", "large-write", "packages-ecrin",
                  "packages-ecrin-with-one-id")
        self.sampler.call(self.set_aside(*(self.path(name) for name in stores)), check=False)
        aside = self.path("aside")
        if not thorough and (not os.path.exists(aside) or len(os.listdir(aside)) < 100):
            return
        for peer in self.peers:
            self.sampler.call(peer.forget(names), check=False)
            self.sampler.call(peer.forget_nameless(), check=False)
        print("removing what the samples left", flush=True)
        self.sampler.call(self.as_all_ids('rm -rf "$1"', aside), check=False)
        contexts.write(self.path("removed"), "")

    def warn(self):
        try:
            ago = time.time() - os.path.getmtime(self.path("removed"))
        except FileNotFoundError:
            return
        if ago < REMOVED_SECONDS:
            print(f"note: the last run removed many files {ago:.0f} s ago: before {REMOVED_SECONDS} s have passed, "
                  "ext4 makes new ones slowly, for all tools", file=sys.stderr)

    def close(self):
        for server in self.servers:
            server.terminate()
            server.wait()
        if "podman" in {peer.name for peer in self.peers}:  # it keeps a process for its user namespace
            podman = next(peer for peer in self.peers if peer.name == "podman")
            subprocess.run([*podman.base, "system", "migrate"], env=self.sampler.environment, cwd=self.work,
                           stdout=self.sampler.log, stderr=self.sampler.log, check=False)

#!/usr/bin/env python3
"""Times ecrin against the tools that are on PATH, in one interleaved run, and writes RESULTS.md.

What counts is a ratio in one run: absolute seconds depend on the machine and its load. Every sample of every tool is
taken in turn (A B C, A B C, ...), so that a slow minute hits all of them. Medians are compared.

    bench.py --ecrin PATH [--reps N] [--work DIR] [--results FILE] [WORKLOAD...]

Workloads: start noop steps files packages pull. Started by root it goes on as an ordinary user, because that is what is promised.
"""

import argparse
import atexit
import os
import pwd
import shutil
import socket
import statistics
import subprocess
import sys
import time

FILES_SCRIPT = ("i=0; while [ $i -lt 200 ]; do mkdir -p /data/$i; j=0; "
                "while [ $j -lt 100 ]; do echo $i.$j > /data/$i/$j; j=$((j+1)); done; i=$((i+1)); done")


PACKAGES = ("at bsdextrautils chrony cron dnsmasq-base fping fuse3 g++ iproute2 iputils-ping less libcap2-bin "
            "lockfile-progs logrotate lsof make man-db mtr-tiny netcat-openbsd nginx-light openssh-client plocate procps "
            "python3-minimal rsync screen sudo tcpdump tmux vim-tiny")
# A user for whom nobody wrote lines into /etc/subuid and /etc/subgid.
ONE_ID = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c",
          'mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid && exec "$@"', "sh"]


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = options.work
        self.home = os.path.join(self.work, "home")
        self.rootfs = os.path.join(self.work, "rootfs")
        os.makedirs(self.home, exist_ok=True)
        os.makedirs(os.path.join(self.work, "run"), mode=0o700, exist_ok=True)
        self.log = open(os.path.join(self.work, "commands.log"), "a", encoding="utf-8")
        self.ecrin = [options.ecrin, "--root", os.path.join(self.work, "ecrin")]
        graph = os.path.join(self.work, "containers")
        run = os.path.join(self.work, "run")
        storage = ["--root", graph, "--runroot", run, "--storage-driver", "overlay"]
        self.podman = ["podman", "--cgroup-manager", "cgroupfs", "--events-backend", "none", *storage]
        self.buildah = ["buildah", *storage]
        self.environment = {"HOME": self.home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                            "XDG_RUNTIME_DIR": run, "BUILDAH_ISOLATION": "chroot"}
        self.aside = os.path.join(self.work, "aside")
        self.rows = []

    def call(self, command, check=True):
        """Runs one command; returns (wall seconds, cpu seconds, peak MiB of its largest process) or None when it fails
        and check is off."""
        print("$", " ".join(command), file=self.log, flush=True)
        start = time.monotonic()
        process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log,
                                   stderr=self.log, cwd=self.work)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode == 0:
            return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        if check:
            sys.exit(f"bench: {' '.join(command)} failed with status {process.returncode}; see {self.log.name}")
        return None

    def compare(self, workload, tools, reference="ecrin"):
        """tools: name -> (prepare commands, measured command). Adds a table row a tool."""
        samples = {name: [] for name in tools}
        for _ in range(self.options.reps):
            for name, (prepare, command) in tools.items():
                if samples[name] is None:
                    continue
                for one in prepare:
                    self.call(one, check=False)
                sample = self.call(command, check=name == reference)
                if sample is None:
                    samples[name] = None
                    print(f"  {name}: does not work here, left out", file=sys.stderr)
                else:
                    samples[name].append(sample)
        base = statistics.median(s[0] for s in samples[reference])
        for name, values in samples.items():
            if not values:
                continue
            walls = sorted(v[0] for v in values)
            wall = statistics.median(walls)
            cpu = statistics.median(v[1] for v in values)
            peak = max(v[2] for v in values)
            ratio = wall / base
            self.rows.append((workload, name, wall, walls[0], walls[-1], cpu, peak, ratio))
            print(f"  {workload:8} {name:22} {wall:8.4f} s ({walls[0]:.4f} to {walls[-1]:.4f})  cpu {cpu:7.4f} s  "
                  f"{peak:6.1f} MiB  {ratio:7.2f} x ecrin", flush=True)

    def as_all_ids(self, script, *arguments):
        """Files of other ids can only be changed as root of a user namespace that has them."""
        return ["unshare", "--map-root-user", "--map-auto", "sh", "-c", script, "sh", *arguments]

    def set_aside(self, path):
        """Makes room for a tree at this path, without removing a file: ext4 does not give out an inode that was freed
        less than a minute or so ago, and looks at each of them again for every new file. A tool that ran after a large
        removal would pay for it with seconds of processor time, and now and then only. What is emptied takes no blocks;
        it all goes at the end."""
        return self.as_all_ids('[ -e "$1" ] || exit 0; old=$2/$(date +%s%N); mkdir -p "$2"; mv "$1" "$old"; '
                               'find "$old" -type f -size +0 -exec truncate -s 0 {} +', path, self.aside)

    def remove_aside(self):
        self.call(self.as_all_ids('rm -rf "$1"', self.aside), check=False)

    # ---- set-up ------------------------------------------------------------------------------------------------

    def write(self, name, text):
        path = os.path.join(self.work, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def have(self, program):
        return shutil.which(program, path=self.environment["PATH"]) is not None

    def set_up(self):
        self.write("home/.config/containers/policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
        recipe = self.write("base.yaml", "name: bench-base\nfrom: {bootstrap: debian, suite: bookworm, "
                                         "include: [build-essential, cmake]}\n")
        print("preparing the base image (Debian with a compiler)", flush=True)
        self.call([*self.ecrin, "build", recipe])
        archive = os.path.join(self.work, "base.tar")
        if not os.path.exists(archive):
            self.call([*self.ecrin, "save", "--format", "oci-archive", "-o", archive, "bench-base"])
        for tool in (self.podman, self.buildah):
            if self.have(tool[0]):
                self.call([*tool, "pull", "oci-archive:" + archive], check=False)
        if self.have("podman"):
            # podman names what it loads after the archive's own annotation
            self.call([*self.podman, "load", "-i", archive], check=False)
        if not os.path.exists(self.rootfs):
            recipe = self.write("rootfs.yaml", "name: bench-rootfs\nfrom: scratch\nsteps:\n"
                                "  - copy: {src: busybox, dest: /bin/busybox}\n"
                                "  - run: [/bin/busybox, --install, -s, /bin]\n")
            shutil.copy("/bin/busybox", os.path.join(self.work, "busybox"))
            self.call([*self.ecrin, "build", "-o", "type=local,dest=" + self.rootfs, recipe])
        for name in ("data", "dev", "proc", "sys", "tmp"):  # bwrap makes no mount points in a read-only root
            os.makedirs(os.path.join(self.rootfs, name), exist_ok=True)

    # ---- workloads ---------------------------------------------------------------------------------------------

    def start(self):
        true = ["/bin/true"]
        tools = {"ecrin": ([], [*self.ecrin, "run", "--rm", "--network", "none", "bench-base", *true]),
                 "ecrin --rootfs": ([], [*self.ecrin, "run", "--rm", "--network", "none", "--rootfs",
                                         self.rootfs, *true])}
        if self.have("bwrap"):
            tools["bwrap"] = ([], ["bwrap", "--unshare-all", "--ro-bind", self.rootfs, "/", "--proc", "/proc",
                                   "--dev", "/dev", *true])
        if self.have("crun"):
            self.write("bundle/config.json", CRUN_CONFIG.replace("@ROOTFS@", self.rootfs)
                       .replace("@UID@", str(os.getuid())).replace("@GID@", str(os.getgid())))
            tools["crun"] = ([], ["crun", "--cgroup-manager=disabled", "--root",
                                  os.path.join(self.work, "run", "crun"), "run", "-b",
                                  os.path.join(self.work, "bundle"), "bench"])
        if self.have("podman"):
            # crun refuses hosts with both versions of cgroups
            runtime = ["--runtime", "runc"] if self.have("runc") else []
            tools["podman"] = ([], [*self.podman, *runtime, "run", "--rm", "--network", "none", "--cgroups",
                                    "disabled", "localhost/bench-base", *true])
        if self.have("unshare"):
            tools["unshare + maps"] = ([], ["unshare", "--map-root-user", "--map-auto", *true])
        self.compare("start", tools)

    def containerfile(self, name, steps):
        lines = ["FROM localhost/bench-base", "ARG ROUND=0"]
        lines += [f"RUN {step}" for step in steps]
        return self.write(f"{name}/Containerfile", "\n".join(lines) + "\n")

    def recipe(self, name, steps):
        text = f"name: {name}\nfrom: bench-base\nsteps:\n"
        return self.write(f"{name}/recipe.yaml", text + "".join(f"  - run: '{step}'\n" for step in steps))

    def build_tools(self, name, steps, cached):
        recipe, containerfile = self.recipe(name, steps), self.containerfile(name, steps)
        context = os.path.dirname(containerfile)
        fresh = [] if cached else ["--no-cache"]
        tools = {"ecrin": ([], [*self.ecrin, "build", "-q", "--network", "host", *fresh, recipe])}
        for tool, verb in ((self.buildah, "bud"), (self.podman, "build")):
            if self.have(tool[0]):
                tools[tool[0]] = ([], [*tool, verb, "-q", "--layers", "--pull-never" if verb == "bud" else
                                       "--pull=never", *fresh, "--network", "host", "--isolation", "chroot", "-t",
                                       name, context])
        return tools

    def noop(self):
        tools = self.build_tools("noop", [f"echo {i} > /step{i}" for i in range(10)], cached=True)
        for _, command in tools.values():  # the first build fills the caches and is not measured
            self.call(command, check=False)
        self.compare("noop", tools)

    def steps(self):
        self.compare("steps", self.build_tools("steps", [f"echo {i} > /step{i}" for i in range(20)], cached=False))

    def files(self):
        tools = self.build_tools("files", [FILES_SCRIPT], cached=False)
        if self.have("bwrap"):
            data = os.path.join(self.work, "bwrap-data")
            tools["bare write in bwrap"] = (
                [self.set_aside(data), ["mkdir", data]],
                ["bwrap", "--unshare-all", "--ro-bind", self.rootfs, "/", "--bind", data, "/data", "--proc",
                 "/proc", "--dev", "/dev", "/bin/sh", "-c", FILES_SCRIPT])
        self.compare("files", tools)

    def packages(self):
        """What it costs to have one id. The packages themselves are downloaded before, into a cache mount."""
        base = self.write("debian/recipe.yaml", "name: bench-debian\nfrom: {bootstrap: debian, suite: bookworm}\n")
        mounts = "    mounts:\n      - cache: /var/cache/apt/archives\n      - cache: /var/lib/apt/lists\n"
        apt = "apt-get -q -y --no-install-recommends"
        step = (f"name: packages\nfrom: bench-debian\nsteps:\n- run:\n    command: '@BEFORE@ DEBIAN_FRONTEND=noninteractive "
                f"{apt} @HOW@ install {PACKAGES}'\n{mounts}")
        fill = self.write("packages-fill/recipe.yaml",
                          step.replace("@BEFORE@", "apt-get update &&").replace("@HOW@", "--download-only"))
        install = self.write("packages/recipe.yaml", step.replace("@BEFORE@", "").replace("@HOW@", "--no-download"))
        tools = {}
        for name, before in (("ecrin", []), ("ecrin with one id", ONE_ID)):
            ecrin = [*before, self.ecrin[0], "--root", os.path.join(self.work, name.replace(" ", "-") + "-packages")]
            for recipe in (base, fill):
                self.call([*ecrin, "build", "-q", recipe])
            tools[name] = ([], [*ecrin, "build", "-q", "--no-cache", install])
        self.compare("packages", tools)

    # ---- a registry on loopback ---------------------------------------------------------------------------------

    def start_registry(self):
        """Debian's docker-registry at a free port; returns host:port. It ends with this program."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = probe.getsockname()
        host = f"127.0.0.1:{address[1]}"
        data = os.path.join(self.work, "registry")
        config = self.write("registry.yml", "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                            f"storage: {{filesystem: {{rootdirectory: {data}}}}}\nhttp: {{addr: {host}}}\n")
        self.registry = subprocess.Popen(["docker-registry", "serve", config], stdin=subprocess.DEVNULL,
                                         stdout=self.log, stderr=self.log, env=self.environment)
        atexit.register(self.registry.terminate)  # also when what follows fails
        for _ in range(100):
            try:
                socket.create_connection(address, 1).close()
                return host
            except OSError:
                time.sleep(0.1)
        return sys.exit(f"bench: docker-registry does not start; see {self.log.name}")

    def pull_tools(self, image):
        scratch = {tool: os.path.join(self.work, "pull", tool) for tool in ("ecrin", "podman", "buildah", "umoci")}
        ecrin = [self.ecrin[0], "--root", scratch["ecrin"]]
        tools = {"ecrin": ([self.set_aside(scratch["ecrin"])], [*ecrin, "pull", "-q", image])}
        for name in ("podman", "buildah"):
            if self.have(name):
                own = ["--root", scratch[name], "--runroot", os.path.join(self.work, "run", "pull"),
                       "--storage-driver", "overlay"]
                tools[name] = ([self.set_aside(scratch[name])],
                               [name, *own, "pull", "-q", "--tls-verify=false", image])
        if self.have("skopeo") and self.have("umoci"):
            layout = scratch["umoci"]
            tools["skopeo + umoci"] = ([self.set_aside(layout), ["mkdir", "-p", layout]],
                                       ["sh", "-c", f"skopeo copy -q --src-tls-verify=false docker://{image} "
                                        f"oci:{layout}/oci:x && umoci unpack --rootless --image {layout}/oci:x "
                                        f"{layout}/bundle"])
        return tools

    def pull(self):
        if not self.have("docker-registry"):
            print("  docker-registry is missing: nothing to pull from", file=sys.stderr)
            return
        host = self.start_registry()
        try:
            small = self.write("pull-small.yaml", "name: pull-small\nfrom: {bootstrap: debian, suite: bookworm}\n")
            large = self.write("pull-large.yaml", "name: pull-large\nfrom: bench-base\nsteps:\n" + "".join(
                f"  - run: apt-get update && apt-get install -y --no-install-recommends {packages}\n"
                for packages in ("git", "python3", "perl-doc", "clang", "gdb")))
            for name, recipe in (("pull-small", small), ("pull-large", large)):
                self.call([*self.ecrin, "build", recipe])
                for compression in ("gzip", "zstd"):
                    image = f"{host}/{name}:{compression}"
                    self.call([*self.ecrin, "copy", "-q", "--compression", compression, name, "docker://" + image])
                    self.compare(f"{name} {compression}", self.pull_tools(image))
        finally:
            self.registry.terminate()
            self.registry.wait()

    # ---- results -----------------------------------------------------------------------------------------------

    def write_results(self):
        titles = {"start": "container start: /bin/true in a present image, no network",
                  "noop": "no-op build: 10 steps, nothing changed",
                  "steps": "20 small steps on a Debian image with a compiler, nothing cached",
                  "files": "one step that writes 20,000 files, nothing cached",
                  "packages": "apt-get install of 30 packages, downloaded before",
                  "pull-small gzip": "pull and unpack into an empty store: a small image, gzip",
                  "pull-small zstd": "pull and unpack into an empty store: a small image, zstd",
                  "pull-large gzip": "pull and unpack: a large image of six layers, gzip",
                  "pull-large zstd": "pull and unpack: a large image of six layers, zstd"}
        versions = []
        for program in ("bwrap", "crun", "podman", "buildah", "skopeo", "umoci"):
            if self.have(program):
                text = subprocess.run([program, "--version"], env=self.environment, cwd=self.work,
                                      capture_output=True, text=True, check=False).stdout
                versions.append((text.splitlines() or [program])[0].strip())
        with open(self.options.results, "w", encoding="utf-8") as file:
            file.write("# Benchmark results\n\nWritten by `./dev bench`: one interleaved run, medians of "
                       f"{self.options.reps} samples a tool. Ratios are wall time over ecrin's: above 1, ecrin is "
                       "faster. The peak is that of a tool's largest process.\n\nCompared with: " + "; ".join(versions) + f". {os.cpu_count()} processors, "
                       f"Linux {os.uname().release.split('-')[0]}.\n")
            for workload, title in titles.items():
                rows = [row for row in self.rows if row[0] == workload]
                if not rows:
                    continue
                file.write(f"\n## {title}\n\n| tool | median s | least | most | CPU s | peak MiB | ratio to ecrin |\n"
                           "|---|---|---|---|---|---|---|\n")
                for _, name, wall, least, most, cpu, peak, ratio in rows:
                    file.write(f"| {name} | {wall:.4f} | {least:.4f} | {most:.4f} | {cpu:.4f} | {peak:.1f} | "
                               f"{ratio:.2f} |\n")
        print("written:", self.options.results)


CRUN_CONFIG = """{"ociVersion": "1.0.2", "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/true"],
 "env": ["PATH=/bin"], "cwd": "/", "noNewPrivileges": true}, "root": {"path": "@ROOTFS@", "readonly": true},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}],
 "linux": {"uidMappings": [{"containerID": 0, "hostID": @UID@, "size": 1}],
           "gidMappings": [{"containerID": 0, "hostID": @GID@, "size": 1}],
           "namespaces": [{"type": "user"}, {"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"},
                          {"type": "network"}]}}
"""


def become_ordinary_user(name):
    """Root makes or takes the test user and goes on as that user."""
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--create-home", name], check=True)
        user = pwd.getpwnam(name)
    for device in ("/dev/fuse", "/dev/net/tun"):
        if os.path.exists(device):
            os.chmod(device, 0o666)
    return user


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ecrin", required=True)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--work", default="/var/tmp/ecrin-bench")
    parser.add_argument("--results", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "RESULTS.md"))
    parser.add_argument("workloads", nargs="*", default=["start", "noop", "steps", "files", "packages", "pull"])
    options = parser.parse_args()
    options.results = os.path.abspath(options.results)
    results = options.results
    if os.getuid() == 0:
        user = become_ordinary_user("ecrin-test")
        os.makedirs(options.work, exist_ok=True)
        os.chown(options.work, user.pw_uid, user.pw_gid)
        binary = os.path.join(options.work, "bin", "ecrin")
        os.makedirs(os.path.dirname(binary), exist_ok=True)
        shutil.copy(options.ecrin, binary)
        os.chmod(binary, 0o755)
        options.ecrin = binary
        options.results = os.path.join(options.work, "RESULTS.md")
        child = os.fork()
        if child:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status == 0:
                shutil.copyfile(options.results, results)
            sys.exit(status)
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    os.makedirs(options.work, exist_ok=True)
    bench = Bench(options)
    if set(options.workloads) - {"packages"}:  # that one has a base of its own
        bench.set_up()
    for workload in options.workloads:
        print(workload, flush=True)
        getattr(bench, workload)()
    bench.write_results()
    bench.remove_aside()


if __name__ == "__main__":
    main()

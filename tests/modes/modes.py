#!/usr/bin/env python3
"""The same recipes in every mode of identity, and the same images: the promise that ecrin makes.

    modes.py --ecrin PROGRAM --directory DIR MODE | --clean-up

Builds recipes/*.yaml in one mode and compares the digests with those of the mode "mapped", which has to be the first.
Every mode has a store of its own, so nothing is shared but the mirror of packages. By root all modes are tried, as an
ordinary user where they are a user's; by others all but root's. Exit code 77: this host cannot have the mode.
"""

import argparse
import json
import os
import pwd
import shutil
import subprocess
import sys

SOURCE = os.path.dirname(os.path.abspath(__file__))
USER = "ecrin-test"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RECIPES = ["scratch", "debian", "packages", "compiled", "owners"]

# Words before a command. "$@" is ecrin and its arguments.
NO_RANGES = "mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid && "
NO_HELPERS = ("for file in newuidmap newgidmap; do mount --bind /dev/null $(command -v $file) || exit 76; done; "
              "[ ! -e /dev/fuse ] || mount --bind /dev/null /dev/fuse || exit 76; ")
MODES = {
    # The user's own id and ranges.
    "mapped": {"user": True, "words": []},
    # A user for whom nobody wrote lines into /etc/subuid and /etc/subgid.
    "single": {"user": True,
               "words": ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c",
                         NO_RANGES + 'exec "$@"', "sh"]},
    # The root of a namespace with one id, without programs that map more and without /dev/fuse.
    "unshare": {"user": True, "words": ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
                                        NO_HELPERS + 'exec "$@"', "sh"]},
    # In a container of ecrin's own, whose root is the host's.
    "nested": {"user": True, "words": None},
    # In a container of podman's with a volume for the store. It has this host's programs and its network.
    "podman": {"user": True, "words": None},
    "root": {"user": False, "words": []},
}
# Which of them works depends on the host's cgroups.
PODMAN_RUNS = (["--runtime", "runc", "run"], ["--runtime", "crun", "run", "--cgroups=disabled"])
# What mmdebstrap and apt have to know of the host.
CONFIGURATION = ["alternatives", "apt", "ca-certificates", "debian_version", "dpkg", "ld.so.cache", "ld.so.conf",
                 "ld.so.conf.d", "nsswitch.conf", "ssl/certs"]


class Skip(Exception):
    pass


class Place:
    """Where one mode works."""

    def __init__(self, options, mode):
        self.options = options
        self.mode = mode
        self.as_user = MODES[mode]["user"]
        self.directory = os.path.join(options.directory, mode)
        self.ecrin = os.path.join(options.directory, "ecrin")
        self.context = os.path.join(options.directory, "recipes")
        self.store = os.path.join(self.directory, "store")
        self.log = os.path.join(self.directory, "log")
        self.podman_run = PODMAN_RUNS[0]

    def podman(self):
        directory = os.path.join(self.directory, "podman")
        return ["podman", "--root", directory, "--runroot", directory + "-run", "--storage-driver", "vfs",
                "--cgroup-manager", "cgroupfs", "--events-backend", "none", *self.podman_run, "--rm",
                "-v", "/usr:/usr:ro", "-v", f"{self.options.directory}:{self.options.directory}", "--rootfs",
                os.path.join(self.directory, "tree")]

    def words(self):
        if self.mode == "podman":
            return self.podman()
        if self.mode != "nested":
            return MODES[self.mode]["words"]
        return [self.ecrin, "--root", os.path.join(self.directory, "outer"), "run", "--rm", "--network=host",
                "--read-only", "--rootfs", "-e", f"HOME={self.directory}",
                "-v", f"{self.options.directory}:{self.options.directory}", "/"]

    def run(self, arguments, plain=False, check=True):
        command = ([] if plain else self.words()) + arguments
        environment = {"HOME": self.directory, "PATH": PATH, "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": self.directory}
        if self.as_user and os.getuid() == 0:
            command = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"] + command
        with open(self.log, "ab") as log:
            log.write(("$ " + " ".join(command) + "\n").encode())
            log.flush()
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                  cwd=self.directory, check=False)
        if check and done.returncode != 0:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                sys.stdout.write("".join(log.readlines()[-60:]))
            raise SystemExit(f"exit code {done.returncode}: {' '.join(command)}")
        return done

    def make(self):
        os.mkdir(self.directory)
        if self.as_user and os.getuid() == 0:
            shutil.chown(self.directory, USER, USER)

    def make_tree(self):
        """A root directory for podman."""
        tree = os.path.join(self.directory, "tree")
        for name in ("usr", "proc", "sys", "dev", "run", "tmp", "root", "etc", "var/lib/apt/lists/partial", "var/lib/dpkg",
                     "var/cache/apt/archives/partial", "var/log/apt", "var/tmp"):
            os.makedirs(os.path.join(tree, name))
        for name in ("bin", "sbin", "lib", "lib32", "lib64"):
            if os.path.islink("/" + name):
                os.symlink("usr/" + name, os.path.join(tree, name))
        for name in CONFIGURATION:
            copy = shutil.copytree if os.path.isdir("/etc/" + name) else shutil.copy
            copy("/etc/" + name, os.path.join(tree, "etc", name))
        for name, text in (("etc/passwd", "root:x:0:0::/root:/bin/sh\n_apt:x:42:65534::/:/bin/false\n"),
                           ("etc/group", "root:x:0:\n"), ("var/lib/dpkg/status", "")):
            with open(os.path.join(tree, name), "w", encoding="utf-8") as file:
                file.write(text)
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", f"{USER}:", tree], check=True)

    def remove(self):
        if not os.path.isdir(self.directory):
            return
        # Files of other ids are the user's in the user's namespace.
        self.run([self.ecrin, "--root", self.store, "unshare", "sh", "-c", f"rm -rf {self.directory}/*"], plain=True,
                 check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def build(self, name):
        recipe = os.path.join(self.context, name + ".yaml")
        print(f"{self.mode}: {name} ...", flush=True)
        done = self.run([self.ecrin, "--root", self.store, "build", "-q", "-t", name, "-f", recipe, self.context])
        return done.stdout.decode().strip()

    def layers(self, name):
        done = self.run([self.ecrin, "--root", self.store, "inspect", name])
        document = json.loads(done.stdout)
        document = document[0] if isinstance(document, list) else document
        return document["RootFS"]["Layers"]


def readable_copies(options):
    """The checkout may be closed to the user."""
    os.makedirs(options.directory, exist_ok=True)
    os.chmod(options.directory, 0o755)
    ecrin = os.path.join(options.directory, "ecrin")
    shutil.copy2(options.ecrin, ecrin)
    os.chmod(ecrin, 0o755)
    recipes = os.path.join(options.directory, "recipes")
    shutil.rmtree(recipes, ignore_errors=True)
    shutil.copytree(os.path.join(SOURCE, "recipes"), recipes)
    shutil.copy2("/bin/busybox", os.path.join(recipes, "busybox"))
    for directory, _, files in os.walk(recipes):
        os.chmod(directory, 0o755)
        for name in files:
            os.chmod(os.path.join(directory, name), 0o644)


def remember(options):
    return os.path.join(options.directory, "mapped.json")


def probe(place):
    """Can this host have the mode? Only what is the host's fault is a reason to skip."""
    if place.mode == "root" and os.getuid() != 0:
        raise Skip("only root can try root's mode")
    if place.mode == "podman":
        if not shutil.which("podman", path=PATH):
            raise Skip("there is no podman")
        place.make_tree()
        for place.podman_run in PODMAN_RUNS:
            if place.run(["true"], check=False).returncode == 0:
                return
        raise Skip("podman runs no containers of users here")
    if place.mode in ("single", "unshare"):
        words = place.words()
        done = place.run(words[:words.index("sh")] + ["true"], plain=True, check=False)
        if done.returncode != 0:
            raise Skip("unshare makes no user namespaces here")
        if place.run(["true"], check=False).returncode == 76:
            raise Skip("what this mode has to be without cannot be hidden")


def try_mode(options, mode):
    place = Place(options, mode)
    if mode == "mapped":
        if os.getuid() == 0:
            subprocess.run([os.path.join(SOURCE, "..", "support", "ordinary-user"), USER], check=True)
        readable_copies(options)
    elif not os.path.exists(remember(options)):
        raise SystemExit("the mode mapped has to be tried before")
    place.remove()
    place.make()
    probe(place)
    images, layers = {}, {}
    for name in RECIPES:
        images[name] = place.build(name)
        layers[name] = place.layers(name)
    place.remove()
    if mode == "mapped":
        with open(remember(options), "w", encoding="utf-8") as file:
            json.dump({"images": images, "layers": layers}, file)
        return True
    with open(remember(options), encoding="utf-8") as file:
        expected = json.load(file)
    equal = True
    for name in RECIPES:
        same = images[name] == expected["images"][name]
        equal = equal and same
        print(f"{name}: {images[name]} {'as in mapped mode' if same else 'NOT ' + expected['images'][name]}")
        for ours, theirs in zip(layers[name], expected["layers"][name]):
            if not same:
                print(f"  layer {ours} {'' if ours == theirs else 'NOT ' + theirs}")
    return equal


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ecrin", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--clean-up", action="store_true")
    parser.add_argument("mode", nargs="?", choices=MODES)
    options = parser.parse_args()
    options.directory = f"{options.directory}-{os.getuid()}"
    if options.clean_up:
        for mode in MODES:
            Place(options, mode).remove()
        shutil.rmtree(options.directory, ignore_errors=True)
        return 0
    try:
        return 0 if try_mode(options, options.mode) else 1
    except Skip as reason:
        print(f"skipped: {reason}")
        return 77


if __name__ == "__main__":
    sys.exit(main())

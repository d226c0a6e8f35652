#!/usr/bin/env python3
"""Random small projects, random edits, and the same image with and without the traced cache: a proof by many.

    proof.py [--ecrin PROGRAM] [--projects N] [--edits N] [--seed N] [--directory DIR] [--keep]

Each project is a base tree with busybox, a context and a recipe of COPY and RUN steps that read, stat, list, glob, write,
rename, delete and link in both, in a part of another stage that they mount, and in a part of the context that they mount.
After each edit of base or context it is built with --cache=traced in one store, which
remembers all builds before, and with --cache=off in another: the manifests must be equal, byte for byte. Every project
comes from its seed alone, so that a failure can be made again: its number is the --seed, with --projects 1. What failed
is kept. At the end stands how many steps ran and how many were taken over, because a cache that never finds anything is
right too.
"""

import argparse
import json
import os
import pwd
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
USER = "ecrin-test"
APPLETS = ("sh cat cp chmod cut date diff find grep head ln ls md5sum mkdir mv readlink rm rmdir sed sha256sum sort stat "
           "tail test touch tr true wc xargs echo printf basename dirname uniq tar env sleep").split()
NAMES = ["a", "b", "c", "d", "e.txt", "f.txt", "g.h", "h.h", "main.c", "lib", "share", "data", "conf", "x", "y"]


class Tree:
    """Files and directories below a root: path -> (kind, content, mode). Parents come first in sorted order."""

    def __init__(self, rng, count, prefix=""):
        self.entries = {}
        self.prefix = prefix
        for _ in range(count):
            self.add(rng)

    def directories(self):
        return [""] + sorted(path for path, entry in self.entries.items() if entry[0] == "dir")

    def files(self):
        return sorted(path for path, entry in self.entries.items() if entry[0] == "file")

    def any(self, rng):
        return rng.choice(sorted(self.entries)) if self.entries else None

    def add(self, rng):
        parent = rng.choice(self.directories())
        path = (parent + "/" if parent else "") + rng.choice(NAMES)
        if path in self.entries:
            return
        kind = rng.choices(["file", "dir", "link", "hard"], [6, 3, 1, 1])[0]
        if kind == "file" or (kind == "hard" and not self.files()):
            self.entries[path] = ("file", text(rng), rng.choice([0o644, 0o644, 0o644, 0o600, 0o755]))
        elif kind == "dir":
            self.entries[path] = ("dir", "", rng.choice([0o755, 0o755, 0o700]))
        elif kind == "link":
            self.entries[path] = ("link", rng.choice([rng.choice(NAMES), "../" + rng.choice(NAMES)]), 0o777)
        else:
            self.entries[path] = ("hard", rng.choice(self.files()), 0)

    def remove(self, path):
        for other in list(self.entries):
            if other == path or other.startswith(path + "/"):
                del self.entries[other]
        for other, entry in list(self.entries.items()):
            if entry[0] == "hard" and entry[1] not in self.entries:
                self.entries[other] = ("file", "was a link\n", 0o644)

    def edit(self, rng):
        path = self.any(rng)
        what = rng.choices(["content", "mode", "add", "remove", "replace", "move"], [6, 2, 4, 2, 1, 1])[0]
        if path is None or what == "add":
            return self.add(rng)
        kind, content, mode = self.entries[path]
        if what == "content" and self.files():
            path = rng.choice(self.files())
            self.entries[path] = ("file", text(rng), self.entries[path][2])
        elif what == "mode" and kind in ("file", "dir"):
            self.entries[path] = (kind, content, rng.choice([0o644, 0o755, 0o700, 0o711]) | (0o100 if kind == "dir" else 0))
        elif what == "remove":
            self.remove(path)
        elif what == "replace":
            self.remove(path)
            self.entries[path] = rng.choice([("file", text(rng), 0o644), ("dir", "", 0o755), ("link", "a", 0o777)])
        elif what == "move" and kind == "file":
            self.remove(path)
            self.add(rng)
        return None

    def write(self, root, is_checkout=False):
        """A checkout has no hard links, and times that nobody should look at."""
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root)
        for path in sorted(self.entries, key=lambda name: (self.entries[name][0] == "hard", name)):
            kind, content, mode = self.entries[path]
            place = os.path.join(root, path)
            if kind == "dir":
                os.mkdir(place)
            elif kind == "link":
                os.symlink(content, place)
            elif kind == "hard" and is_checkout:
                shutil.copy2(os.path.join(root, content), place)
            elif kind == "hard":
                os.link(os.path.join(root, content), place)
            else:
                with open(place, "w", encoding="ascii") as file:
                    file.write(content)
                os.chmod(place, mode)
        for path, (kind, _, mode) in self.entries.items():
            if kind == "dir":
                os.chmod(os.path.join(root, path), mode)
            if is_checkout:
                os.utime(os.path.join(root, path), (1, 1), follow_symlinks=False)
        if is_checkout:
            os.utime(root, (1, 1))


def text(rng):
    """Often one of few: what is written over what has the same content is no change."""
    if rng.random() < 0.4:
        return rng.choice(["new\n", "old\n", "more\n", "a\n", "A\n", "x", "y", ""])
    return "".join(rng.choice("abcdefgh \n") for _ in range(rng.randrange(0, 60))) + "\n"


def command(rng, trees):
    """One line of a step. Errors are no end: what a command says of them is part of what it makes."""
    def path():
        root, tree = rng.choice(trees)
        known = tree.any(rng)
        if known is None or rng.random() < 0.25:
            return root + "/" + "/".join(rng.choice(NAMES) for _ in range(rng.randrange(1, 3)))
        return root + "/" + known

    def directory():
        root, tree = rng.choice(trees)
        found = rng.choice(tree.directories())
        return root + ("/" + found if found else "")

    def is_old(name, how=""):  # the time of what the step itself has just written is a look at the clock
        return f"[ $(stat {how} -c %Y {name} || echo 0) -lt 1000000000 ]"

    def age():
        name = path()
        return f"{is_old(name)} && stat -c '%Y %a' {name} >> {out}"

    def newer():
        first, second = path(), path()
        return f"{is_old(first, '-L')} || {is_old(second, '-L')} && [ {first} -nt {second} ] && echo newer >> {out}"
    out = f"/out/{rng.choice(NAMES)}{rng.randrange(3)}"
    return rng.choice([
        lambda: f"cat {path()} >> {out}",
        lambda: f"cat {path()} {path()} | sort | uniq >> {out}",
        lambda: f"test -e {path()} && echo there >> {out}",
        lambda: f"test -d {path()} || echo no >> {out}",
        # Size and links of a directory are not of the tree: docs/traced-cache.md.
        lambda: f"for p in {path()}; do stat -c '%a %u %g %F' $p; [ -d $p ] || stat -c '%s %h' $p; done >> {out}",
        age,
        lambda: f"ls {directory()} >> {out}",
        lambda: f"ls -la {directory()} | tr -s ' ' | cut -d' ' -f1,3,4,5,9- | grep -v total >> {out}",
        lambda: f"echo {directory()}/* >> {out}",
        lambda: f"echo {directory()}/*.txt >> {out}",
        lambda: f"find {directory()} -type f | sort | xargs -r md5sum >> {out}",
        lambda: f"find {directory()} -type d | sort >> {out}",
        lambda: f"readlink {path()} >> {out}",
        lambda: f"wc -c {path()} >> {out}",
        lambda: f"cp -a {path()} {out}",
        lambda: f"cp -r {directory()} {out}",
        lambda: f"mv {path()} {out}",
        lambda: f"mv {path()} {path()}",
        lambda: f"rm -rf {path()}",
        lambda: f"rm {path()}",
        lambda: f"rmdir {path()}",
        lambda: f"ln {path()} {out}",
        lambda: f"ln -s {path()} {out}",
        lambda: f"ln {path()} {path()}",
        lambda: f"echo more >> {path()}",
        lambda: f"echo new > {path()}",
        lambda: f"echo {rng.choice(['old', 'more', 'a'])} > {path()}",
        lambda: f"printf {rng.choice('xy')} > {path()}",
        lambda: f"printf x > {directory()}/made{rng.randrange(3)}",
        lambda: f"printf '' > {path()}",
        lambda: f"stat -c %i {path()} {path()} | uniq | wc -l >> {out}",
        lambda: f"mkdir -p {path()}",
        lambda: f"mkdir {path()}",
        lambda: f"touch {path()}",
        lambda: f"chmod {rng.choice(['600', '755', 'u+x', 'go-r'])} {path()}",
        lambda: f"chmod -R go-w {directory()}",
        lambda: f"sed -i s/a/A/ {path()}",
        lambda: f"head -n 1 {path()} > {path()}",
        lambda: f"grep -l a {directory()}/* >> {out}",
        lambda: f"tar c -C {directory()} . | tar t | sort >> {out}",
        lambda: f"diff {path()} {path()} >> {out}",
        newer,
    ])()


def mount(rng, base, context, of_stage):
    """One of a RUN step, and the trees that commands find there."""
    if not of_stage:
        return "{bind: /mnt, source: tree}", [("/mnt", context)]
    source = rng.choice(["/", "/src", "/base"])
    trees = {"/": [("/mnt/base", base), ("/mnt/src", context)], "/src": [("/mnt", context)], "/base": [("/mnt", base)]}
    read_only = rng.choice(["true", "true", "false"])
    return f"{{bind: /mnt, from: side, source: {source}, read_only: {read_only}}}", trees[source]


def stage_steps(rng, base, context, count, mounts):
    """`mounts`: of what its steps may mount something: False = the context, True = the stage before."""
    steps = []
    copies = 0
    trees = [("/base", base), ("/src", context)]
    for number in range(count):
        if rng.random() < 0.3 or number == 0:
            entry = context.any(rng)
            source = rng.choice(["tree", f"tree/{entry}" if entry else "tree"])
            steps.append(("copy", source, rng.choice(["/src/", "/src/", f"/src/more{copies}/"])))
            copies += 1
        else:
            mounted, there = (None, [])
            if mounts and rng.random() < 0.7:
                mounted, there = mount(rng, base, context, rng.choice(mounts))
            step_trees = trees + there * 3
            steps.append(("run", [command(rng, step_trees) for _ in range(rng.randrange(1, 5))], mounted))
    return steps


def recipe(rng, base, context):
    """Stages in their order: (name, steps). Half of the projects have one only, and mount nothing."""
    if rng.random() < 0.5:
        return [("main", stage_steps(rng, base, context, rng.randrange(3, 7), []))]
    mounts = rng.choice([[False], [True], [True], [True, False]])
    side = [("side", stage_steps(rng, base, context, rng.randrange(2, 5), []))] if True in mounts else []
    return side + [("main", stage_steps(rng, base, context, rng.randrange(2, 5), mounts))]


def written(stages, context, base="{rootfs: base.tar}"):
    lines = ["name: proof", "stages:"]
    for name, steps in stages:
        lines += [f"  {name}:", f"    from: {base}", "    steps:",
                  "    - run: {command: mkdir -p /out /src, network: none}"]
        for step in steps:
            if step[0] == "copy":
                path = step[1]
                if path != "tree" and path[5:] not in context.entries:
                    path = "tree"  # an edit took it away
                lines.append(f"    - copy: {{src: {json.dumps(path)}, dest: {json.dumps(step[2])}}}")
                continue
            script = "\n".join(f"({line}) 2>&1 || true" for line in step[1])
            lines.append("    - run:\n        network: none\n        command: " + json.dumps(script))
            if step[2]:
                lines.append(f"        mounts: [{step[2]}]")
    return "\n".join(lines) + "\n"


def write_base(tree, work, busybox):
    """A tar with busybox and the tree below /base; times are those of the content's age, as in a distribution's image."""
    root = os.path.join(work, "base")
    tree.write(root)
    with tarfile.open(os.path.join(work, "base.tar"), "w") as tar:
        for name in ("bin", "base", "tmp", "etc", "proc", "dev", "sys"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        info = tar.gettarinfo(busybox, "bin/busybox")
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        info.mode = 0o755
        with open(busybox, "rb") as file:
            tar.addfile(info, file)
        for applet in APPLETS:
            info = tarfile.TarInfo("bin/" + applet)
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(info)

        def plain(info):
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            entry = tree.entries.get(info.name[len("base/"):])
            info.mtime = -(sum(map(ord, entry[1])) % 1000) if entry and entry[0] == "file" else 0
            info.mtime = abs(info.mtime)
            return info
        for name in sorted(os.listdir(root)):
            tar.add(os.path.join(root, name), "base/" + name, filter=plain)


class Proof:
    def __init__(self, options):
        self.options = options
        self.ran = self.reused = self.builds = 0

    def build(self, store, work, how):
        words = [self.options.ecrin, "--root", store, "build", "--progress", "json", "--cache", how, "--explain",
                 "-f", os.path.join(work, "recipe.yaml"), work]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None, done.stderr
        return done.stdout.strip(), done.stderr

    def digest(self, store):
        shown = subprocess.run([self.options.ecrin, "--root", store, "inspect", "proof"], capture_output=True, text=True,
                               check=False)
        return shown.stdout

    def count(self, events):
        for line in events.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            reasons = " ".join(event.get("reasons", []))
            if "that it used are the same" in reasons:
                self.reused += 1
            elif event.get("state") == "done" or event.get("event") == "done":
                self.ran += 1

    def project(self, seed, directory):
        rng = random.Random(seed)
        work = os.path.join(directory, "work")
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        base, context = Tree(rng, rng.randrange(4, 14)), Tree(rng, rng.randrange(4, 14))
        stages = recipe(rng, base, context)
        mounts = any(step[0] == "run" and step[2] for _, steps in stages for step in steps)
        traced, plain = os.path.join(directory, "traced"), os.path.join(directory, "plain")
        for number in range(self.options.edits + 1):
            if number > 0:
                for _ in range(rng.randrange(1, 3)):
                    (base if rng.random() < 0.4 else context).edit(rng)
            write_base(base, work, self.options.busybox)
            context.write(os.path.join(work, "tree"), is_checkout=mounts)
            with open(os.path.join(work, "recipe.yaml"), "w", encoding="utf-8") as file:
                file.write(written(stages, context))
            first, events = self.build(traced, work, "traced")
            second, other = self.build(plain, work, "off")
            self.builds += 2
            self.count(events)
            if first is None and second is None:
                continue  # a source of COPY leads nowhere, say
            if first != second:
                print(f"project {seed}, edit {number}: {first} is not {second}", file=sys.stderr)
                print(events if first is None else other if second is None else "", file=sys.stderr)
                return False
        return True

    def has_proved(self):
        return self.ran > 0 and self.reused > 0

    def told(self):
        return f"{self.builds} builds, {self.ran} steps ran, {self.reused} were taken over by what they had used"

    def run(self):
        directory = tempfile.mkdtemp(prefix="ecrin-proof-", dir=self.options.directory)
        for number in range(self.options.projects):
            seed = self.options.seed + number
            if not self.project(seed, directory):
                print(f"what failed is in {directory}", file=sys.stderr)
                return 1
            if number % 50 == 49:
                print(f"{number + 1} projects, {self.told()}", flush=True)
        if self.options.projects >= 10 and not self.has_proved():
            print(f"nothing was proved: {self.told()}", file=sys.stderr)
            return 1
        print(f"{self.options.projects} projects, no difference: {self.told()}")
        if not self.options.keep:
            for store in ("traced", "plain"):
                subprocess.run([self.options.ecrin, "unshare", "rm", "-rf", os.path.join(directory, store)], check=False)
            shutil.rmtree(directory, ignore_errors=True)
        return 0


def become_ordinary(program):
    """Root would prove nothing: the user of the other tests does it, with a copy of the program that it can reach."""
    if os.geteuid() != 0:
        return program
    subprocess.run([os.path.join(SOURCE, "tests/support/ordinary-user"), USER], check=True, stdout=subprocess.DEVNULL)
    entry = pwd.getpwnam(USER)
    copy = os.path.join(entry.pw_dir, "proof", "ecrin")
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    own = f"{copy}.{os.getpid()}"  # others may run beside this one
    shutil.copyfile(program, own)
    os.chmod(own, 0o755)
    os.rename(own, copy)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME=entry.pw_dir, USER=USER, LOGNAME=USER)
    os.environ.pop("XDG_RUNTIME_DIR", None)
    os.chdir(entry.pw_dir)
    return copy


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ecrin", default=os.path.join(SOURCE, "out/debug/ecrin"))
    parser.add_argument("--busybox", default="/bin/busybox")
    parser.add_argument("--projects", type=int, default=1000)
    parser.add_argument("--edits", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", default="/var/tmp")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.ecrin = become_ordinary(os.path.abspath(options.ecrin))
    return options


def main():
    return Proof(parsed()).run()


if __name__ == "__main__":
    sys.exit(main())

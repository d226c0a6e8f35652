#!/usr/bin/python3
"""Builds each Containerfile of cases/ with ecrin and with buildah and compares tree and config of the images.

usage: check.py --ecrin PROGRAM --base ARCHIVE --scratch DIRECTORY [--keep] [PATTERN...]

A case is a directory: Containerfile, perhaps context/ (else the shared context beside cases/) and case.json:
  build    flags for both tools
  before   a Containerfile that is built first, as localhost/parent
  fails    the build fails in both tools: a regular expression that ecrin's message matches
  only-here  with `fails`: why buildah builds it
  expect   not compared with buildah, but with this: `tree` (path to "type mode owner content"), `has`, `without`
           (paths), `config` (members), and `why` buildah cannot tell
  differs  differences from buildah that are meant, as this program prints them, and `why`
"""

import argparse
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
CONFIG_MEMBERS = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal",
                  "Healthcheck", "Shell", "OnBuild")
# Each tool puts files of its own over these while a step runs; what stays of their mount points is not compared.
OWN_NAMES = ("/dev", "/proc", "/sys", "/run", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname")


def run(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=120, **options)


# ---- images ----------------------------------------------------------------------------------------------------

class Image:
    """An image of an OCI layout, or of a `dir:` of skopeo's (which keeps what only docker's format has): its config
    and its flattened tree as lines."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.is_layout = (self.directory / "index.json").exists()
        if self.is_layout:
            index = json.loads((self.directory / "index.json").read_text())
            manifest = self.json(index["manifests"][0]["digest"])
            while "manifests" in manifest:
                manifest = self.json(manifest["manifests"][0]["digest"])
        else:
            manifest = json.loads((self.directory / "manifest.json").read_text())
        self.document = self.json(manifest["config"]["digest"])
        self.config = {}
        for name in CONFIG_MEMBERS:
            value = self.document.get("config", {}).get(name)
            if value:
                self.config[name] = value
        labels = dict(self.config.get("Labels") or {})
        labels.pop("io.buildah.version", None)
        self.config.pop("Labels", None)
        if labels:
            self.config["Labels"] = labels
        if self.document.get("author"):
            self.config["author"] = self.document["author"]
        self.tree = {}
        for layer in manifest["layers"]:
            self.apply(self.path(layer["digest"]))

    def path(self, digest):
        return self.directory / ("blobs/" + digest.replace(":", "/") if self.is_layout else digest.split(":")[1])

    def json(self, digest):
        return json.loads(self.path(digest).read_text())

    def remove_below(self, path):
        for name in [n for n in self.tree if n.startswith(path.rstrip("/") + "/")]:
            del self.tree[name]

    def apply(self, path):
        with tarfile.open(path, "r:*") as tar:
            for member in tar:
                name = "/" + member.name.strip("/").removeprefix("./").strip("/")
                if name in ("/", "/."):
                    continue
                directory, base = os.path.split(name)
                if base == ".wh..wh..opq":
                    self.remove_below(directory)
                    continue
                if base.startswith(".wh."):
                    gone = os.path.join(directory, base[4:])
                    self.tree.pop(gone, None)
                    self.remove_below(gone)
                    continue
                self.add(name, member, tar)

    def add(self, name, member, tar):
        owner = f"{member.mode & 0o7777:04o} {member.uid}:{member.gid}"
        if not member.isdir():
            self.remove_below(name)
        if member.isdir():
            line = f"directory {owner}"
        elif member.issym():
            line = f"link {member.uid}:{member.gid} {member.linkname}"
        elif member.islnk():
            line = self.tree.get("/" + member.linkname.strip("/").removeprefix("./"), "hard link to nothing")
        elif member.isfile():
            data = tar.extractfile(member).read()
            text = json.dumps(data.decode(errors="replace"), ensure_ascii=False)
            line = f"file {owner} " + (text if len(data) < 200 else hashlib.sha256(data).hexdigest())
        else:
            line = f"special {member.type!r} {owner}"
        self.tree[name] = line


def compare(mine, theirs):
    """One line a difference, as `differs` of a case lists them."""
    lines = []
    for name in sorted(set(mine.config) | set(theirs.config)):
        a, b = mine.config.get(name), theirs.config.get(name)
        if a != b:
            lines.append(f"config {name}: {json.dumps(a, ensure_ascii=False)}, buildah {json.dumps(b, ensure_ascii=False)}")
    for name in sorted(set(mine.tree) | set(theirs.tree)):
        if any(name == own or name.startswith(own + "/") for own in OWN_NAMES):
            continue
        a, b = mine.tree.get(name, "nothing"), theirs.tree.get(name, "nothing")
        if a != b:
            lines.append(f"{name}: {a}, buildah {b}")
    return lines


# ---- tools -----------------------------------------------------------------------------------------------------

class Tools:
    def __init__(self, ecrin, base, scratch):
        self.scratch = pathlib.Path(scratch)
        self.store = self.scratch / "ecrin-store"
        self.ecrin_program = [ecrin, "--root", str(self.store)]
        self.buildah_program = ["buildah", "--storage-driver", "vfs", "--root", str(self.scratch / "buildah"), "--runroot",
                                str(self.scratch / "buildah-run")]
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.scratch), "LC_ALL": "C.UTF-8",
                            "TMPDIR": str(self.scratch / "tmp"), "XDG_RUNTIME_DIR": str(self.scratch / "runtime")}
        for name in ("tmp", "runtime"):
            (self.scratch / name).mkdir(parents=True, exist_ok=True)
        self.must(self.ecrin_program + ["load", "-i", base])
        self.must(self.buildah_program + ["pull", "-q", "oci-archive:" + base])

    def run(self, command):
        return run(command, env=self.environment, cwd=self.scratch)

    def must(self, command):
        outcome = self.run(command)
        if outcome.returncode != 0:
            sys.exit(f"{' '.join(command)}: {outcome.stdout}")

    def layout(self, name):
        path = self.scratch / name
        if path.exists():
            shutil.rmtree(path)
        return path

    def ecrin(self, file, context, flags, tag):
        layout = self.layout("made-by-ecrin")
        outcome = self.run(self.ecrin_program + ["build", "--progress", "plain", "--pull=never", "-f", str(file), "-t", tag,
                                                 "-o", f"type=oci-dir,dest={layout}", *flags, str(context)])
        return outcome, layout

    def buildah(self, file, context, flags, tag):
        layout = self.layout("made-by-buildah")
        outcome = self.run(self.buildah_program + ["bud", "--isolation", "chroot", "--network", "host", "--format", "docker",
                                                   "--pull-never", "--timestamp", "0", "-f", str(file), "-t", tag, *flags,
                                                   str(context)])
        if outcome.returncode == 0:
            self.must(self.buildah_program + ["push", "-q", tag, f"dir:{layout}"])
        return outcome, layout

    def forget(self):
        for name in ("localhost/made", "localhost/parent"):
            self.run(self.buildah_program + ["rmi", "-f", name])
            self.run(self.ecrin_program + ["rmi", "-f", name])


# ---- cases -----------------------------------------------------------------------------------------------------

class Case:
    def __init__(self, directory, tools):
        self.directory, self.tools = directory, tools
        description = directory / "case.json"
        self.facts = json.loads(description.read_text()) if description.exists() else {}
        own = directory / "context"
        self.context = own if own.exists() else HERE / "context"
        self.file = directory / "Containerfile"
        # File names in flags are those of the context.
        self.flags = [re.sub(r"src=", f"src={self.context}/", flag) for flag in self.facts.get("build", [])]

    def problems(self):
        if "before" in self.facts:
            before = self.tools.scratch / "Containerfile.before"
            before.write_text(self.facts["before"])
            for build in (self.tools.ecrin, self.tools.buildah):
                outcome, _ = build(before, self.context, [], "localhost/parent")
                if outcome.returncode != 0:
                    return [f"before: {outcome.stdout}"]
        mine, layout = self.tools.ecrin(self.file, self.context, self.flags, "localhost/made")
        if "fails" in self.facts:
            return self.failure(mine)
        if mine.returncode != 0:
            return [f"ecrin: {mine.stdout}"]
        if "expect" in self.facts:
            return self.unexpected(Image(layout))
        theirs, other = self.tools.buildah(self.file, self.context, self.flags, "localhost/made")
        if theirs.returncode != 0:
            return [f"buildah: {theirs.stdout}"]
        found = compare(Image(layout), Image(other))
        meant = self.facts.get("differs", {}).get("lines", [])
        return [line for line in found if line not in meant] + [f"no longer there: {line}" for line in meant if line not in found]

    def failure(self, mine):
        if mine.returncode == 0:
            return ["the build succeeded"]
        pattern = self.facts["fails"]
        if not re.search(pattern, mine.stdout):
            return [f"no /{pattern}/ in: {mine.stdout}"]
        if "error: " not in mine.stdout:
            return [f"no error in: {mine.stdout}"]
        if self.facts.get("only-here"):
            return []
        theirs, _ = self.tools.buildah(self.file, self.context, self.flags, "localhost/made")
        return ["buildah builds it"] if theirs.returncode == 0 else []

    def unexpected(self, image):
        expect = self.facts["expect"]
        lines = []
        for path, line in expect.get("tree", {}).items():
            if image.tree.get(path) != line:
                lines.append(f"{path}: {image.tree.get(path)}, expected {line}")
        lines += [f"{path} is missing" for path in expect.get("has", []) if path not in image.tree]
        lines += [f"{path} is there" for path in expect.get("without", []) if path in image.tree]
        for name, value in expect.get("config", {}).items():
            if image.config.get(name) != value:
                lines.append(f"config {name}: {json.dumps(image.config.get(name))}, expected {json.dumps(value)}")
        return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ecrin", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--scratch", required=True)
    parser.add_argument("patterns", nargs="*", default=["*"])
    options = parser.parse_args()
    tools = Tools(options.ecrin, options.base, options.scratch)
    names = sorted(d.name for d in (HERE / "cases").iterdir())
    chosen = [n for n in names if any(fnmatch.fnmatchcase(n, p) for p in options.patterns)]
    if not chosen:
        sys.exit(f"no case is called {' or '.join(options.patterns)}")
    bad = 0
    for name in chosen:
        problems = Case(HERE / "cases" / name, tools).problems()
        tools.forget()
        if problems:
            bad += 1
            print(f"{name}:")
            for problem in problems:
                print("    " + problem.rstrip().replace("\n", "\n    "))
    print(f"{len(chosen)} cases, {bad} bad")
    return 1 if bad else 0


sys.exit(main())

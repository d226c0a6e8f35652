"""What has to be done at least, each piece by a plain tool in a sample of its own."""

import os
import subprocess

import images
from lab import has_ranges, range_of
from workload import PART, Contestant


def bare_start(lab, times=1):
    """bwrap is the least that a container can be: namespaces, mounts, a program."""
    if not lab.have("bwrap"):
        return []
    one = lab.bwrap("/bin/true")
    if times == 1:
        return [Contestant("bwrap", PART, one)]
    # One shell, which is measured with them: it costs a fork more each.
    script = 'n=$1; shift; while [ $n -gt 0 ]; do "$@" || exit 1; n=$((n-1)); done'
    return [Contestant(f"{times} x bwrap", PART, ["sh", "-c", script, "sh", str(times), *one])]


class Waiting:
    """A process that waits in new namespaces, for what is done to it from outside."""

    def __init__(self, lab, *unshare):
        self.lab = lab
        self.unshare = unshare
        self.process = None

    def renew(self):
        self.process = subprocess.Popen(["unshare", "--user", *self.unshare, "sh", "-c", "echo; exec sleep 60"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        env=self.lab.sampler.environment)
        self.process.stdout.readline()
        self.lab.sampler.kept.add(self.process.pid)
        return str(self.process.pid)

    def end(self):
        self.lab.sampler.end_left()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.lab.sampler.kept.discard(self.process.pid)

    def contestant(self, name, words, stays=False):
        """words: a function of the process's number that gives the command."""
        return Contestant(name, PART, lambda _: words(self.renew()), after=lambda sample: self.end(), stays=stays)


def id_maps(lab):
    """newuidmap and newgidmap alone."""
    if not has_ranges():
        return []
    return [Waiting(lab).contestant(program, lambda pid, program=program, own=own, table=table: [
                program, pid, "0", str(own), "1", "1", *range_of(table)])
            for program, own, table in (("newuidmap", os.getuid(), "/etc/subuid"),
                                        ("newgidmap", os.getgid(), "/etc/subgid"))]


def private_network(lab):
    """pasta alone: till the network of a namespace that is there already is complete."""
    if not lab.have("pasta"):
        return []
    return [Waiting(lab, "--map-root-user", "--net").contestant("pasta", lambda pid: ["pasta", "--config-net", "-q", pid],
                                                                    stays=True)]


def inflater(lab, packing):
    """The fastest plain tool that is there."""
    if packing == "zstd":
        return ["zstd", "-dc"]
    return ["igzip", "-dc"] if lab.have("igzip") else ["gzip", "-dc"]


def unpack_parts(lab, tag, tars):
    """The pieces of a pull of this image: inflate, hash the packed and the plain bytes, make the files."""
    layers = images.layers_of(lab.layout, lab.image(tag))
    inflate = inflater(lab, tag.rsplit("-", 1)[1])
    where = lab.path("floor/tar")
    return [Contestant("inflate", PART, ["sh", "-c", f"{' '.join(inflate)} {' '.join(layers)} > /dev/null"]),
            Contestant("sha256sum of tar", PART, ["sha256sum", *tars]),
            Contestant("sha256sum of blob", PART, ["sha256sum", *layers]),
            Contestant("tar x", PART, ["tar", "x", "-C", where, "--no-same-owner", "-f", tars[0]],
                       prepare=lambda _: lab.fresh_directory(where))]


def bare_write(lab, script):
    """What a step does, in bwrap and onto a plain directory; and its bytes as a tar, hashed."""
    where = lab.path("floor/write")
    found = []
    if lab.have("bwrap"):
        found = [Contestant("bare write in bwrap", PART,
                            lambda _: lab.bwrap("/bin/sh", "-c", script, at=where),
                            prepare=lambda _: lab.fresh_directory(where)),
                 hashed_tar(where)]
    return found


def hashed_tar(directory):
    return Contestant("tar and sha256sum", PART, ["sh", "-c", f"tar c -C {directory} . | sha256sum"])


def copied_tree(lab):
    tree, where = os.path.join(lab.context("i20k"), "tree"), lab.path("floor/copy")
    return [Contestant("cp -a", PART, ["cp", "-a", tree, where + "/"], prepare=lambda _: lab.fresh_directory(where)),
            hashed_tar(tree)]


def listed_tree(lab):
    return [Contestant("find with stat", PART,
                       ["find", os.path.join(lab.context("i20k"), "tree"), "-printf", r"%s%T@%m\n"])]


def recipe_read(lab, context):
    return [Contestant("find and cat", PART, ["sh", "-c", f"find {context} -printf '%s%T@%m\\n' > /dev/null; "
                                              f"cat {context}/Containerfile > /dev/null"])]

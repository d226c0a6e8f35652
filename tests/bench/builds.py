"""Workloads of starting containers and building images."""

import os

import contexts
import floors
from lab import LARGE, SMALL
from tools import bare_runtimes
from workload import ECRIN, PART, PEER, Contestant, Target, Workload, parts

NAMES = [f"img-{name}" for name in contexts.CONTAINERFILES]  # of what is built


def wall(name):
    return lambda measured: measured.wall(name)


def builders(lab, name, cold, after=lambda tool, sample: None, more=()):
    """A build of this context by ecrin and each peer. Cold: with a word that is new to every tool and round."""
    for base in (SMALL, LARGE):
        if f"@{base.rsplit('-', 1)[1].upper()}@" in contexts.CONTAINERFILES[name]:
            lab.base(base)
    context = lab.context(name)

    def prepare(tool, number):
        contexts.set_nonce(context, f"{lab.word}-{tool.name}-{name}-{number if cold else 'same'}", SMALL, LARGE)
        if cold and os.path.isdir(os.path.join(context, "tree")):
            return [["find", os.path.join(context, "tree"), "-type", "f", "-exec", "touch", "{}", "+"]]
        if not cold:  # the first build fills the caches; what was built once is not built again
            return [tool.build(context, "img-" + name)] if lab.once((tool.name, name)) else []
        return []

    return [Contestant(tool.name, ECRIN if tool is lab.ecrin else PEER,
                       tool.build(context, "img-" + name, [*more, *(tool.parallel if name == "h2" else [])]),
                       prepare=lambda number, tool=tool: prepare(tool, number),
                       after=lambda sample, tool=tool: after(tool, sample))
            for tool in [lab.ecrin, *lab.peers]]


def start(lab):
    lab.base(SMALL)
    found = [Contestant("ecrin", ECRIN, lab.ecrin.run(SMALL, "none"))]
    found += [Contestant(peer.name, PEER, peer.run(SMALL, "none")) for peer in lab.peers if peer.run(SMALL, "none")]
    found += [Contestant(name, PEER, command) for name, command in
              bare_runtimes(lab.path("run/bare"), lab.rootfs()).items() if lab.have(name)]
    return found + floors.bare_start(lab) + floors.id_maps(lab)


def start_network(lab):
    lab.base(SMALL)
    found = [Contestant("ecrin", ECRIN, lab.ecrin.run(SMALL, "private"))]
    found += [Contestant(peer.name + " (slirp4netns)", PEER, peer.run(SMALL, "slirp4netns")) for peer in lab.peers
              if peer.run(SMALL, "none") and lab.have("slirp4netns")]
    return found + floors.bare_start(lab) + floors.id_maps(lab) + floors.private_network(lab)


def same_context(lab):
    found = builders(lab, "c10", cold=False)
    return found + floors.recipe_read(lab, lab.context("c10")) + floors.bare_start(lab)


def large_write(lab):
    """ecrin has a store of its own here, which is emptied: a prune would remove what other workloads left, too."""
    found = builders(lab, "e1g", cold=True, after=lambda tool, sample: lab.sampler.call(tool.forget(["img-e1g"]), False))
    ecrin, context = lab.store_with_small(lab.path("large-write")), lab.context("e1g")

    def after(sample):
        lab.sampler.call(ecrin.forget(["img-e1g"]))
        lab.sampler.call([*ecrin.base, "prune", "-f"])
    found[0].command, found[0].after = ecrin.build(context, "img-e1g"), after
    return found + floors.bare_write(lab, contexts.WRITE_1G)


def two_stages(lab):
    return builders(lab, "h2", cold=True) + [Contestant("sleep 3", PART, ["sleep", "3"])]


START = parts("bwrap", "newuidmap", "newgidmap")


def same_layer(name):
    return lambda lab: builders(lab, name, cold=True) + floors.bare_start(lab, 20)


def copied(lab):
    return builders(lab, "i20k", cold=True) + floors.copied_tree(lab)


def copied_same(lab):
    # Files that changed a moment ago are read again by whoever remembers them by their times.
    return builders(lab, "i20k", cold=False) + floors.listed_tree(lab)


WORKLOADS = [
    Workload("start", "/bin/true in a present image, no network", start, [
        Target("at most 2 x bwrap + newuidmap + newgidmap", wall("ecrin"),
               lambda m: 2 * m.wall("bwrap") + m.wall("newuidmap") + m.wall("newgidmap")),
        Target("at least 10 x faster than podman", wall("ecrin"), lambda m: m.wall("podman") / 10)],
        START, reps=lambda asked: 5 * asked, warm=True, quick=15),
    Workload("start-network", "the same with a private network", start_network, [
        Target("at most the floor (bwrap, newuidmap, newgidmap, pasta) + 20 %", wall("ecrin"),
               lambda m: 1.2 * (START(m, "wall") + m.wall("pasta")))],
        parts("bwrap", "newuidmap", "newgidmap", "pasta"), reps=lambda asked: 3 * asked, warm=True, quick=15),
    Workload("c10", "10 small steps, cold", lambda lab: builders(lab, "c10", cold=True) + floors.bare_start(lab, 10), [
        Target("at most 0.2 s", wall("ecrin"), lambda m: 0.2),
        Target("at least 15 x faster than buildah", wall("ecrin"), lambda m: m.wall("buildah") / 15)],
        parts("10 x bwrap"), warm=True, quick=8),
    Workload("c10-same", "the same 10 steps, nothing changed", same_context, [
        Target("at most 0.02 s", wall("ecrin"), lambda m: 0.02)],
        parts("bwrap"), reps=lambda asked: 3 * asked, warm=True, quick=10,
        note="The recorded ratio is to bwrap: reading the recipe is too short to compare with."),
    Workload("d20", "20 RUN steps on the large image, cold", same_layer("d20"), [
        Target("at most 0.4 s", wall("ecrin"), lambda m: 0.4)], parts("20 x bwrap"), warm=True),
    Workload("d20m", "20 RUN steps on the small image, cold", same_layer("d20m"), [
        Target("at most 0.4 s", wall("ecrin"), lambda m: 0.4)], parts("20 x bwrap"), warm=True, quick=3),
    Workload("e20k", "one step writes 20,000 files, cold",
             lambda lab: builders(lab, "e20k", cold=True) + floors.bare_write(lab, contexts.WRITE_20K), [
                 Target("at most the bare write in bwrap x 1.1 + tar and sha256sum", wall("ecrin"),
                        lambda m: 1.1 * m.wall("bare write in bwrap") + m.wall("tar and sha256sum"))],
             parts("bare write in bwrap", "tar and sha256sum"), quick=3),
    Workload("e1g", "one step writes 1 GiB, cold", large_write, [
        Target("at most the bare write in bwrap x 1.15", wall("ecrin"),
               lambda m: 1.15 * m.wall("bare write in bwrap"))],
        parts("bare write in bwrap"), measures=("wall",)),
    Workload("h2", "two independent stages of sleep 3, cold", two_stages, [
        Target("at most 3.1 s", wall("ecrin"), lambda m: 3.1)], parts("sleep 3"), measures=("wall",), quick=2),
    Workload("i20k", "COPY of 20,000 files, cold", copied, [
        Target("at most cp -a", wall("ecrin"), wall("cp -a"))], parts("cp -a"), quick=3,
        note="The files are as new to every tool: they were touched, and one of them changed."),
    Workload("i20k-same", "the same COPY, nothing changed", copied_same, [
        Target("at most 0.12 s", wall("ecrin"), lambda m: 0.12)], parts("find with stat"),
        reps=lambda asked: 2 * asked, warm=True, quick=10),
]

"""Workloads of moving images: pull, push, the size of stores, memory; and packages with one id."""

import os

import contexts
import floors
from lab import SMALL
from workload import ECRIN, PART, PEER, Contestant, Target, Workload, parts

PULL_PARTS = ("inflate", "sha256sum of tar", "sha256sum of blob", "tar x")
MEMORY_MIB = (100, 1000)

PACKAGES = ("at bsdextrautils chrony cron dnsmasq-base fping fuse3 g++ iproute2 iputils-ping less libcap2-bin "
            "lockfile-progs logrotate lsof make man-db mtr-tiny netcat-openbsd nginx-light openssh-client plocate procps "
            "python3-minimal rsync screen sudo tcpdump tmux vim-tiny")
# A user for whom nobody wrote lines into /etc/subuid and /etc/subgid.
ONE_ID = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c",
          'mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid && exec "$@"', "sh"]


def pull(tag, floor_of=None):
    """Into an empty store. floor_of: the tar with the same files."""
    def make(lab):
        name = lab.published(tag)
        found = [Contestant(tool.name, ECRIN if tool.name == "ecrin" else PEER, tool.pull(name),
                            prepare=lambda _, tool=tool: [lab.set_aside(tool.store)])
                 for tool in lab.pullers() if tag.endswith("gzip") or tool.name != "skopeo + umoci"]
        return found + floors.unpack_parts(lab, tag, [lab.tar(floor_of)])
    return make


def fastest_peer(measured):
    return min(measured.wall(name) for name in ("podman", "buildah", "skopeo + umoci")
               if name in measured.samples)


def pull_targets(first):
    found = [Target("CPU at most 1.15 x the sum of the parts", lambda m: m.cpu("ecrin"),
                    lambda m: 1.15 * parts(*PULL_PARTS)(m, "cpu"))]
    if first:
        return [*found, Target("faster than every peer", lambda m: m.wall("ecrin"), fastest_peer)]
    return [*found, Target("at most 0.6 x podman", lambda m: m.wall("ecrin"), lambda m: 0.6 * m.wall("podman"))]


def pull_workload(tag, title, floor_of, first, quick=0):
    return Workload("pull-" + tag, "pull and unpack: " + title, pull(tag, floor_of), pull_targets(first),
                    parts(*PULL_PARTS), quick=quick)


def push(lab):
    """The large image into an empty registry. A pulled image goes as it is; that of the others is packed anew, because
    they keep no packed layers; ecrin's own layers are packed as those of an image that was built."""
    tag = lab.image("large-gzip")
    host = lab.registry("destination")
    target = f"{host}/bench/pushed:latest"
    ready, own = lab.ecrin.at(lab.path("push/ready")), lab.ecrin.at(lab.path("push/own"))
    empty = ["rm", "-rf", lab.path("destination/docker"), *(
        lab.path(f"home/.local/share/containers/cache/blob-info-cache-v1.{end}") for end in ("boltdb", "sqlite"))]
    if lab.once("push"):
        lab.sampler.call(lab.set_aside(lab.path("push")), check=False)
        lab.sampler.call(ready.load(lab.layout, tag, "pushed"))
    recipe = contexts.write(lab.path("recipes/own/recipe.yaml"), "name: own\nfrom: {rootfs: large.tar}\n")
    place = lab.path("recipes/own/large.tar")
    if not os.path.exists(place):
        os.link(lab.tar("large"), place)
    renew = [lab.set_aside(own.store), [*own.base, "build", "-q", recipe]]  # a layer is packed once
    found = [Contestant("ecrin, ready blobs", ECRIN, ready.push("pushed", target), prepare=lambda _: [empty])]
    for packing in ("gzip", "zstd"):
        found.append(Contestant(f"ecrin, own layers, {packing}", ECRIN, own.push("own", target, packing),
                                prepare=lambda _: [empty, *renew]))
    lab.base("localhost/bench-large")
    found += [Contestant(peer.name, PEER, peer.push("localhost/bench-large", target),
                         prepare=lambda _: [empty]) for peer in lab.peers]
    if lab.have("skopeo"):
        found.append(Contestant("skopeo copy", PART, ["skopeo", "copy", "-q", "--dest-tls-verify=false",
                                                      f"oci:{lab.layout}:{tag}", "docker://" + target],
                                prepare=lambda _: [empty]))
    tar = lab.tar("large")
    return found + [Contestant(f"{' '.join(words)} of tar", PART, ["sh", "-c", f"{' '.join(words)} -c {tar} > /dev/null"])
                    for words in (["gzip", "-4"], ["zstd", "-3", "-T1"])]


def packed(name):
    """The packing on all processors, then the upload."""
    return lambda m: m.wall("skopeo copy") + m.cpu(name) / os.cpu_count()


def disk(lab):
    """Four images that share 99 % of their files and no layer."""
    names = [lab.published(tag) for tag in ("large-gzip", "near1-gzip", "near2-gzip", "near3-gzip")]
    tools = [tool for tool in lab.pullers() if tool.name in ("ecrin", "buildah")]

    def after(tool, sample):
        sample.size = lab.sizes(tool.store)
        lab.sampler.call(lab.set_aside(tool.store), check=False)  # gigabytes
    single = lab.path("floor/single")

    def size_of_one(sample):
        sample.size = lab.sizes(single)
        lab.sampler.call(lab.set_aside(single), check=False)
    def pulls(title, tool, *more):
        commands = [*(tool.pull(name) for name in names), *more]
        return Contestant(title, ECRIN if tool.name == "ecrin" else PEER,
                          ["sh", "-ec", "\n".join(" ".join(words) for words in commands)],
                          prepare=lambda _: [lab.set_aside(tool.store)], after=lambda sample: after(tool, sample))
    ecrin = tools[0]
    return [pulls(tool.name, tool) for tool in tools] + [
        pulls("ecrin, then prune --blobs", ecrin, [*ecrin.base, "prune", "--blobs", "-f"]),
        Contestant("one image, unpacked", PART, ["tar", "x", "-C", single, "--no-same-owner", "-f", lab.tar("large")],
                   prepare=lambda _: lab.fresh_directory(single), after=size_of_one)]


def memory(lab):
    """Peaks of ecrin alone, for an image and one of ten times its size."""
    found = []
    host = lab.registry("destination")
    for size in MEMORY_MIB:
        name, store = lab.published(f"data{size}-gzip"), lab.ecrin.at(lab.path(f"pull/data{size}"))
        target = f"{host}/bench/data:latest"
        found.append(Contestant(f"pull {size} MiB", ECRIN, store.pull(name),
                                prepare=lambda _, store=store: [lab.set_aside(store.store)]))
        for what, more in (("ready", []), ("packed with zstd", ["--compression", "zstd", "--force-compression"])):
            found.append(Contestant(f"push {size} MiB, {what}", ECRIN, [*store.push(name, target), *more],
                                    prepare=lambda _: [["rm", "-rf", lab.path("destination/docker")]]))
        context = os.path.dirname(contexts.write(
            lab.path(f"recipes/data{size}/Containerfile"),
            f"FROM {SMALL}\nRUN head -c {size << 20} /dev/urandom > /big\n"))
        builder = lab.store_with_small(lab.path("memory"))
        found.append(Contestant(f"build {size} MiB", ECRIN, builder.build(context, "data-image", ["--no-cache"])))
    return found


def memory_targets():
    found = []
    for what in ("pull {} MiB", "push {} MiB, ready", "push {} MiB, packed with zstd", "build {} MiB"):
        small, large = (what.format(size) for size in MEMORY_MIB)
        found.append(Target(f"{large}: peak at most 64 MiB", lambda m, name=large: m.peak(name), lambda m: 64, "MiB"))
        found.append(Target(f"{large}: no more than for {MEMORY_MIB[0]} MiB, but for 4 MiB",
                            lambda m, name=large: m.peak(name), lambda m, name=small: m.peak(name) + 4, "MiB"))
    return found


def packages(lab):
    """What it costs to have one id. The packages themselves are downloaded before, into a cache mount."""
    layout, tag = lab.layout, lab.image("small-gzip")
    mounts = "    mounts:\n      - cache: /var/cache/apt/archives\n      - cache: /var/lib/apt/lists\n"
    step = (f"name: packages\nfrom: {SMALL}\nsteps:\n- run:\n    command: '@BEFORE@ DEBIAN_FRONTEND=noninteractive apt-get "
            f"-q -y --no-install-recommends @HOW@ install {PACKAGES}'\n{mounts}")
    fill = contexts.write(lab.path("recipes/fill/recipe.yaml"),
                          step.replace("@BEFORE@", "apt-get update &&").replace("@HOW@", "--download-only"))
    install = contexts.write(lab.path("recipes/packages/recipe.yaml"),
                             step.replace("@BEFORE@", "").replace("@HOW@", "--no-download"))
    found = []
    for name, before in (("ecrin", []), ("ecrin with one id", ONE_ID)):
        tool = lab.ecrin.at(lab.path("packages-" + name.replace(" ", "-")))
        if lab.once(tool.store):
            lab.sampler.call(lab.set_aside(tool.store), check=False)
            lab.sampler.call([*before, *tool.load(layout, tag, SMALL)])
            lab.sampler.call([*before, *tool.base, "build", "-q", fill])
        found.append(Contestant(name, ECRIN, [*before, *tool.base, "build", "-q", "--no-cache", install]))
    return found


WORKLOADS = [
    pull_workload("small-gzip", "small image, one gzip layer", "small", False, quick=4),
    pull_workload("small-zstd", "small image, one zstd layer", "small", True),
    pull_workload("large-gzip", "large image, one gzip layer", "large", False),
    pull_workload("large-zstd", "large image, one zstd layer", "large", True),
    pull_workload("large6-gzip", "large image, six gzip layers", "large", True),
    pull_workload("large6-zstd", "large image, six zstd layers", "large", True),
    Workload("push", "push of the large image, gzip, blob absent", push, [
        Target("ready blobs: as skopeo copy (a gap under 1.5 is none)", lambda m: m.wall("ecrin, ready blobs"),
               lambda m: 1.5 * m.wall("skopeo copy")),
        Target("own layers, gzip: at most packing on all processors + the upload",
               lambda m: m.wall("ecrin, own layers, gzip"), packed("gzip -4 of tar")),
        Target("own layers, zstd: at most packing on all processors + the upload",
               lambda m: m.wall("ecrin, own layers, zstd"), packed("zstd -3 -T1 of tar"))]),
    Workload("disk", "four images with 99 % equal files and no common layer", disk, [
        Target("no more than buildah's", lambda m: m.size("ecrin"), lambda m: m.size("buildah"), "MiB"),
        Target("with file dedup: at most 1.1 x one unpacked image", lambda m: m.size("ecrin"),
               lambda m: 1.1 * m.size("one image, unpacked"), "MiB")], reps=lambda asked: 1),
    Workload("memory", "peak memory of transfers and builds by size", memory, memory_targets(),
             reps=lambda asked: 1, note="The peak is that of the largest process."),
    Workload("packages", "apt-get install of 30 packages, downloaded before", packages, [],
             reps=lambda asked: min(asked, 3)),
]

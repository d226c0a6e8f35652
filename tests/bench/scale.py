"""Cost against size: what grows with what, as a table and as lines. Everything is in stores of its own."""

import dataclasses
import json
import math
import os
import shutil

import chart
import contexts
import images
from lab import SMALL
from measure import quantity

FLAT, LINEAR = "flat", "linear"  # what an operation may do at most when the size grows
SLOPE = 1.25  # between two sizes, logarithmic: 1 is linear, 2 quadratic
FLAT_GROWTH, FLAT_SECONDS = 1.5, 0.01  # what is no growth yet: noise of what takes milliseconds
PEAK = 64  # MiB that no operation may need more than
IMAGE = "localhost/scale"


@dataclasses.dataclass
class Operation:
    name: str
    growth: str
    command: list
    prepare: list = dataclasses.field(default_factory=list)
    reps: int = 9


@dataclasses.dataclass
class Kind:
    title: str
    axis: str
    sizes: list
    full: list  # only with --full
    operations: object  # function of Lab, Ecrin and size; the store has what was made for the smaller sizes


def in_store(lab, ecrin, list_images=FLAT, list_containers=FLAT):
    """What must not depend on what else is in the store."""
    context = lab.path("scale/context")
    return [Operation("images", list_images, [*ecrin.base, "images"]),
            Operation("images NAME", FLAT, [*ecrin.base, "images", SMALL]),
            Operation("ps -a", list_containers, [*ecrin.base, "ps", "-a"]),
            Operation("no-op build", FLAT, ecrin.build(context, "scale-same")),
            Operation("start", FLAT, ecrin.run(SMALL, "none"))]


def prepare_store(lab, ecrin):
    """The small image, and a build to do again."""
    lab.store_with_small(ecrin.store)
    context = lab.path("scale/context")
    shutil.copytree(lab.context("c10"), context, dirs_exist_ok=True)
    contexts.set_nonce(context, "scale", SMALL, "")
    lab.sampler.call(ecrin.build(context, "scale-same"))


def containerfile(lab, name, lines, base=SMALL):
    return os.path.dirname(contexts.write(lab.path(f"scale/{name}/Containerfile"), "\n".join([f"FROM {base}", *lines])
                                          + "\n"))


def more_images(lab, ecrin, size):
    layout = lab.path("scale/layout")
    for first in range(0, size, 1000):
        shutil.rmtree(layout, ignore_errors=True)
        images.add_images(layout, {f"localhost/scale/image{i}:latest": {"Labels": {"number": str(i)}}
                                   for i in range(first, min(size, first + 1000))})
        lab.sampler.call([*ecrin.base, "load", "-q", "-i", layout])
    return in_store(lab, ecrin, list_images=LINEAR)


def more_containers(lab, ecrin, size):
    for number in range(size):
        if lab.once((ecrin.store, number)):
            lab.sampler.call([*ecrin.base, "create", "-q", "--network", "none", "--name", f"c{number}", SMALL,
                              "/bin/true"])
    return in_store(lab, ecrin, list_containers=LINEAR)


def more_cache(lab, ecrin, size):
    for first in range(0, size, 400):  # an image has not more layers than 500
        steps = range(first, min(size, first + 400))
        context = containerfile(lab, "cache", [f"COPY --chmod={0o600 + i % 64:o} one /{i}" for i in steps], "scratch")
        contexts.write(os.path.join(context, "one"), "1\n")
        lab.sampler.call(ecrin.build(context, "scale-cache"))
    return in_store(lab, ecrin)


def one_image(lab, ecrin, kind, size, context, reps=3):
    """An image of this size: made, made again, started, sent and fetched."""
    name, target = f"{IMAGE}-{kind}{size}", f"{lab.registry()}/scale/{kind}{size}:latest"
    other = ecrin.at(lab.path("pull/scale"))
    build = ecrin.build(context, name)
    return [Operation("build", LINEAR, [*build[:-1], "--no-cache", context], reps=1),
            Operation("no-op build", FLAT if kind == "size" else LINEAR, build, prepare=[build]),
            Operation("start", LINEAR if kind == "layers" else FLAT, ecrin.run(name, "none")),
            Operation("push", LINEAR, ecrin.push(name, target), reps=1),
            Operation("pull", LINEAR, other.pull(target), prepare=[lab.set_aside(other.store)], reps=reps)]


def layers(lab, ecrin, size):
    context = containerfile(lab, f"layers{size}", [f"COPY one /{i}" for i in range(size)])
    contexts.write(os.path.join(context, "one"), "1\n")
    return one_image(lab, ecrin, "layers", size, context)


def files(lab, ecrin, size):
    context = containerfile(lab, f"files{size}", ["COPY tree /tree"])
    contexts.make_tree(os.path.join(context, "tree"), max(size // 100, 1), min(size, 100))
    return one_image(lab, ecrin, "files", size, context, reps=1)


def size_of_image(lab, ecrin, size):
    context = containerfile(lab, f"size{size}", [f"RUN truncate -s {size}M /big && echo {size} >> /big"])
    return [one for one in one_image(lab, ecrin, "size", size, context, reps=1)
            if size <= 1000 or one.name not in ("push", "pull")]  # zeroes, but gigabytes to pack


# Sizes at which an image is as large as it may be: 500 layers, of which one is the base's.
KINDS = {
    "layers": Kind("Layers of an image", "layers on the base", [1, 10, 100, 499], [], layers),
    "files": Kind("Files of a layer", "files", [10, 100, 1000, 10000, 100000], [1000000], files),
    "size": Kind("Size of an image (a sparse file)", "MiB", [1, 10, 100, 1000], [20000], size_of_image),
    "images": Kind("Images in the store", "images", [1, 10, 100, 1000], [10000], more_images),
    "cache": Kind("Entries of the build cache", "steps", [1, 10, 100, 1000], [10000], more_cache),
    "containers": Kind("Containers in the store", "containers", [1, 10, 100], [1000], more_containers),
}


def measure(lab, name, kind, sizes):
    """operation -> [(size, seconds, peak MiB)], and operation -> its growth."""
    ecrin = lab.ecrin.at(lab.path("scale/" + name))
    prepare_store(lab, ecrin)
    points, allowed = {}, {}
    for size in sizes:
        for operation in kind.operations(lab, ecrin, size):
            samples = []
            for _ in range(operation.reps):
                for command in operation.prepare:
                    lab.sampler.call(command)
                sample = lab.sampler.sample(operation.command)
                if sample is None:
                    print(f"  {operation.name} fails at {size:,} {kind.axis}: see {lab.sampler.log.name}")
                    break
                samples.append(sample)
            if samples:
                seconds = min(one.wall for one in samples)  # the machine's load makes no sample shorter
                peak = max(one.peak for one in samples)
                points.setdefault(operation.name, []).append((size, seconds, peak))
                allowed[operation.name] = operation.growth
                print(f"  {size:9,} {kind.axis:20} {operation.name:14} {seconds:9.4f} s {peak:7.1f} MiB", flush=True)
    lab.sampler.call(lab.set_aside(ecrin.store, lab.path("pull/scale")), check=False)
    return points, allowed


def slope(points):
    """The steepest growth from any size to the largest: exponent of the size. In between, one slow sample is no growth, and
    what a command costs anyway is none either."""
    more, highest, _ = points[-1]
    least = min(seconds for _, seconds, _ in points)
    return max((math.log((highest - 0.9 * least) / (seconds - 0.9 * least)) / math.log(more / size)
                for size, seconds, _ in points[:-1] if highest > seconds >= 2 * least),
               default=math.log(highest / least) / math.log(more / points[0][0]))


def verdict(points, growth):
    """(what it does, whether that is allowed)."""
    if len(points) < 2:
        return "one size only", True
    first, last = points[0][1], points[-1][1]
    if last <= max(FLAT_GROWTH * first, first + FLAT_SECONDS):
        return "does not grow", True
    steep = slope(points)
    if steep > SLOPE:
        return f"**faster than linearly** (exponent {steep:.2f})", False
    if growth == FLAT:
        return f"**grows**, {last / first:.1f} x", False
    return f"at most linearly, {last / first:.1f} x", True


def write(options, known):
    lines = ["# Cost against size", "",
             "Written by `./dev bench scale`: the shortest of some samples, in seconds; in brackets the peak in MiB of the largest process. "
             "Lists may grow with what they list, all else only with its own input.", "", "![lines](scale.svg)"]
    charts, bad = [], []
    for name, kind in KINDS.items():
        if name not in known:
            continue
        points, allowed = known[name]["points"], known[name]["allowed"]
        sizes = sorted({size for one in points.values() for size, _, _ in one})
        lines += ["", f"## {kind.title}", "", "| | " + " | ".join(f"{size:,}" for size in sizes) + " | growth |",
                  "|---|" + "---|" * (len(sizes) + 1)]
        for operation, found in points.items():
            at = {size: f"{quantity(seconds)} ({peak:.0f})" for size, seconds, peak in found}
            words, good = verdict(found, allowed[operation])
            lines.append(f"| {operation} | " + " | ".join(at.get(size, "") for size in sizes) + f" | {words} |")
            if not good:
                bad.append(f"{name}: {operation} {words.replace('*', '')}")
            peak = max(found, key=lambda point: point[2])
            if peak[2] > PEAK:
                bad.append(f"{name}: {operation} has {peak[2]:.0f} MiB in memory at {peak[0]:,} {kind.axis}")
        lines += ["", *(f"**Memory**: {line.split(': ', 1)[1]}." for line in bad
                        if line.startswith(name) and "in memory" in line)]
        charts.append((kind.title, kind.axis, {operation: [(size, seconds) for size, seconds, _ in found]
                                               for operation, found in points.items()}))
    with open(options.path("SCALE.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    with open(options.path("scale.svg"), "w", encoding="utf-8") as file:
        file.write(chart.panels(charts))
    return bad


def run(lab, options):
    path = options.path("scale.json")
    known, bad = {}, []
    if options.workloads and os.path.exists(path):  # some kinds anew, the others as they were
        with open(path, encoding="utf-8") as file:
            known = json.load(file)
    for name in options.workloads or KINDS:
        kind = KINDS[name]
        print(f"{name}: {kind.title}", flush=True)
        points, allowed = measure(lab, name, kind, kind.sizes + (kind.full if options.full else []))
        known[name] = {"points": points, "allowed": allowed}
        bad = write(options, known)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(known, file, indent=1)
            file.write("\n")
    for line in bad:
        print(line)
    return 0

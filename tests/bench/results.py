"""RESULTS.md and the chart of one run; and the recorded ratios that --quick compares with."""

import json
import os

import chart
from measure import quantity
from workload import ECRIN, floor_ratios, judge

TOLERANCE = 0.20  # by which a ratio may always differ from the recorded one


def number(value, unit):
    return f"{value:.1f} {unit}" if unit == "MiB" else f"{quantity(value)} {unit}"


def reference(measured, kinds):
    """The contestant that the others are compared with."""
    return next(name for name in measured.names() if kinds[name] == ECRIN)


def target_rows(runs):
    for workload, measured, _ in runs:
        for verdict in judge(workload, measured):
            if verdict.share is None:
                yield f"| {workload.name} | {verdict.text} | | | | not measured |"
            else:
                yield (f"| {workload.name} | {verdict.text} | {number(verdict.limit, verdict.unit)} | "
                       f"{number(verdict.got, verdict.unit)} | {verdict.share:.2f} | "
                       f"{'yes' if verdict.reached else '**no**'} |")


def table(workload, measured, kinds):
    base = measured.wall(reference(measured, kinds))
    sized = any(sample.size for samples in measured.samples.values() for sample in samples)
    yield (f"\n## {workload.name}: {workload.title}\n\n| | median s | least | most | CPU s | peak MiB |"
           + (" on the disk, MiB |" if sized else "") + " ratio to ecrin |\n|---|---|---|---|---|---|---|"
           + ("---|" if sized else ""))
    for name in measured.names():
        walls = measured.values(name, "wall")
        shown = f"*{name}*" if kinds[name] == "part" else name
        yield (f"| {shown} | {quantity(measured.wall(name))} | {quantity(min(walls))} | {quantity(max(walls))} | "
               f"{quantity(measured.cpu(name))} | {measured.peak(name):.1f} | "
               + (f"{measured.size(name):.0f} | " if sized else "") + f"{measured.wall(name) / base:.2f} |")
    if workload.note:
        yield "\n" + workload.note


def write(path, runs, reps, versions):
    """runs: (Workload, Measured, kinds)."""
    system = os.uname()
    lines = ["# Benchmark results", "",
             f"Written by `./dev bench`: one interleaved run, medians of {reps} samples each and more of what is short. "
             "What counts are ratios within this run: seconds depend on the machine and its load. CPU is that of a command "
             "and all that it started, the peak that of its largest process. *Slanted*: the floor, pieces of what has to be "
             "done at least, each by a plain tool. Ratios are wall time over ecrin's: above 1, ecrin is faster.", "",
             f"{os.cpu_count()} processors, Linux {system.release.split('-')[0]}; {os.getloadavg()[2]:.1f} processes "
             "were running or waiting in the last quarter of an hour. Compared with: "
             + "; ".join(versions) + ".", "", "![ratios](results.svg)", "", "## Targets", "",
             "The limit follows from what the same run measured, where it is not in seconds. Share: what ecrin needed as a "
             "part of the limit.", "", "| workload | target | limit | reached | share | met |", "|---|---|---|---|---|---|",
             *target_rows(runs), "", "## Ratios to the floor", "",
             "| workload | wall / floor | from | to | CPU / floor | from | to |", "|---|---|---|---|---|---|---|"]
    for workload, measured, _ in runs:
        found = floor_ratios(workload, measured)
        if found:
            cells = [f"{found[w].middle:.2f} | {found[w].least:.2f} | {found[w].most:.2f}" if w in found else "| |"
                     for w in ("wall", "cpu")]
            lines.append(f"| {workload.name} | {' | '.join(cells)} |")
    for workload, measured, kinds in runs:
        lines += table(workload, measured, kinds)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    groups = []
    for workload, measured, kinds in runs:
        base = measured.wall(reference(measured, kinds))
        others = [(name, kinds[name], measured.wall(name) / base) for name in measured.names()
                  if kinds[name] == "peer" or name in ("bwrap", "10 x bwrap", "20 x bwrap", "bare write in bwrap",
                                                       "cp -a", "tar x", "skopeo copy", "sleep 3", "find with stat")]
        if others and workload.name not in ("disk", "memory"):
            groups.append((workload.name, others))
    with open(os.path.splitext(path)[0].replace("RESULTS", "results") + ".svg", "w", encoding="utf-8") as file:
        file.write(chart.bars("ecrin beside the other tools (grey) and bare work (brown)", groups))


# ---- recorded ratios -------------------------------------------------------------------------------------------


def record(path, runs):
    """Adds what this run measured to the file."""
    known = load(path)
    for workload, measured, _ in runs:
        for what, one in floor_ratios(workload, measured).items():
            known[f"{workload.name} {what}"] = {"ratio": round(one.middle, 3), "spread": round(one.spread, 3)}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(known, file, indent=1, sort_keys=True)
        file.write("\n")


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def regressions(path, workload, measured):
    """What is slower beside its floor than it was recorded, by more than the noise of either run: lines of text. Prints
    every comparison."""
    known, found = load(path), []
    for what, one in floor_ratios(workload, measured).items():
        name = f"{workload.name} {what}"
        if name not in known:
            print(f"  {name:22} {one.middle:6.2f} x floor, nothing recorded")
            continue
        old = known[name]
        noise = max(TOLERANCE, one.spread + old["spread"])
        worse = one.middle / old["ratio"] - 1
        print(f"  {name:22} {one.middle:6.2f} x floor, recorded {old['ratio']:6.2f}: {worse:+4.0%}, noise {noise:.0%}"
              + (": SLOWER" if worse > noise else ""))
        if worse > noise:
            found.append(f"{name}: {one.middle:.2f} x floor, recorded {old['ratio']:.2f}, noise {noise:.0%}")
    return found

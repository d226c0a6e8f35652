#!/usr/bin/env python3
"""Times ecrin against the tools that are on PATH and against bare work, in one interleaved run; writes RESULTS.md.

What counts is a ratio in one run: absolute seconds depend on the machine and its load. Every sample of every tool is
taken in turn (A B C, A B C, ...), so that a slow minute hits all of them. Medians are compared.

    ./dev bench [--reps N] [--no-peers] [--record] [WORKLOAD...]   all workloads; --list names them
    ./dev bench --quick [--record]    under two minutes, without peers; fails when ecrin is slower beside bare work than
                                      recorded.json says, by more than the noise
    ./dev bench scale [--full] [KIND...]    cost against size; writes SCALE.md

Started by root it goes on as an ordinary user, because that is what is promised. What is prepared stays in the work
directory (--work, /var/tmp/ecrin-bench) for the next run: some 5 GB, made in some minutes.
"""

import argparse
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time

import builds
import results
import scale
import tools
import transfers
from lab import Lab, Missing
from workload import floor_ratios, judge, run

HERE = os.path.dirname(os.path.abspath(__file__))
QUICK_SECONDS = 10  # for one workload of --quick
WORKLOADS = {workload.name: workload for workload in [*builds.WORKLOADS, *transfers.WORKLOADS]}


def show(workload, measured, kinds):
    base = measured.wall(results.reference(measured, kinds))
    for name in measured.names():
        walls = measured.values(name, "wall")
        size = f"  {measured.size(name):7.0f} MiB on disk" if measured.size(name) else ""
        print(f"  {name:26} {measured.wall(name):8.4f} s ({min(walls):.4f} to {max(walls):.4f})  cpu "
              f"{measured.cpu(name):8.4f} s  {measured.peak(name):6.1f} MiB {measured.wall(name) / base:7.2f} x{size}",
              flush=True)
    for verdict in judge(workload, measured):
        if verdict.share is not None:
            print(f"  {'met' if verdict.reached else 'NOT MET'}: {verdict.text}: "
                  f"{results.number(verdict.got, verdict.unit)} of {results.number(verdict.limit, verdict.unit)}")
    for what, one in floor_ratios(workload, measured).items():
        print(f"  {what} / floor: {one.middle:.2f} ({one.least:.2f} to {one.most:.2f})", flush=True)


def full(lab, options):
    runs = []
    for name in options.workloads or WORKLOADS:
        workload = WORKLOADS[name]
        print(f"{name}: {workload.title}", flush=True)
        lab.settle()
        try:
            measured, kinds = run(lab, workload, workload.reps(options.reps), peers=not options.no_peers)
        except Missing as missing:
            print(f"  left out: {missing}", flush=True)
            continue
        show(workload, measured, kinds)
        runs.append((workload, measured, kinds))
        # Each time: a run takes most of an hour, and what was measured is not lost when it is stopped.
        results.write(options.path("RESULTS.md"), runs, options.reps, tools.versions(lab.sampler))
        if options.record:
            results.record(options.path("recorded.json"), runs)
    return 0


def quick(lab, options):
    chosen = [WORKLOADS[name] for name in options.workloads] or [one for one in WORKLOADS.values() if one.quick]
    worse, runs, spent = [], [], 0.0
    for workload in chosen:
        begin = time.monotonic()
        print(f"{workload.name}: {workload.title}", flush=True)
        try:
            measured, kinds = run(lab, workload, workload.quick or 3, peers=False, seconds=QUICK_SECONDS)
        except Missing as missing:
            print(f"  left out: {missing}", flush=True)
            continue
        spent += time.monotonic() - begin
        print(f"  {time.monotonic() - begin:.0f} s", flush=True)
        runs.append((workload, measured, kinds))
        found = [] if options.record else results.regressions(options.path("recorded.json"), workload, measured)
        if found:  # once more: a slow minute is no regression
            print("  once more, with twice the samples:", flush=True)
            measured, _ = run(lab, workload, 2 * (workload.quick or 3), peers=False, seconds=2 * QUICK_SECONDS)
            found = results.regressions(options.path("recorded.json"), workload, measured)
        worse += found
    print(f"{spent:.0f} s of samples")
    if options.record:
        results.record(options.path("recorded.json"), runs)
    for line in worse:
        print("slower than recorded:", line)
    return 1 if worse else 0


def become_ordinary_user(options, outputs):
    """Root makes or takes the test user and goes on as that user, who may not write into root's checkout: what is
    written is copied back. Only the child returns."""
    name = "ecrin-test"
    subprocess.run([os.path.join(HERE, "..", "support", "ordinary-user"), name], check=True)
    user = pwd.getpwnam(name)
    os.makedirs(options.work, exist_ok=True)
    os.chown(options.work, user.pw_uid, user.pw_gid)
    copies = os.path.join(options.work, "root")
    os.makedirs(copies, exist_ok=True)
    binary = os.path.join(copies, "ecrin")
    shutil.copy(options.ecrin, binary + ".new")
    os.chmod(binary + ".new", 0o755)
    os.rename(binary + ".new", binary)
    options.ecrin = binary
    written = os.path.join(copies, "out")
    shutil.rmtree(written, ignore_errors=True)
    os.makedirs(written)
    for output in outputs:
        if os.path.exists(os.path.join(options.out, output)):
            shutil.copy(os.path.join(options.out, output), written)
    for directory, _, files in os.walk(written):
        for one in ["", *files]:
            os.chown(os.path.join(directory, one), user.pw_uid, user.pw_gid)
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.makedirs(options.out, exist_ok=True)
        for output in outputs:
            if os.path.exists(os.path.join(written, output)):
                shutil.copyfile(os.path.join(written, output), os.path.join(options.out, output))
        sys.exit(status)
    options.out = written
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ecrin", required=True, help="the program to time")
    parser.add_argument("--reps", type=int, default=5, help="samples of each; more of what is short (5)")
    parser.add_argument("--work", default="/var/tmp/ecrin-bench", help="where everything is made")
    parser.add_argument("--out", default=HERE, help="where results are written")
    parser.add_argument("--no-peers", action="store_true", help="only ecrin and the floors")
    parser.add_argument("--quick", action="store_true", help="compare ratios with the recorded ones")
    parser.add_argument("--record", action="store_true", help="write the ratios of this run to recorded.json")
    parser.add_argument("--full", action="store_true", help="scale: the biggest sizes too")
    parser.add_argument("--list", action="store_true", help="name the workloads")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD")
    options = parser.parse_args()
    options.scale = options.workloads[:1] == ["scale"]
    known = scale.KINDS if options.scale else WORKLOADS
    options.workloads = options.workloads[1:] if options.scale else options.workloads
    for name in options.workloads:
        if name not in known:
            parser.error(f"there is no workload '{name}'; there are: {' '.join(known)}")
    options.ecrin, options.out = os.path.abspath(options.ecrin), os.path.abspath(options.out)
    options.path = lambda name: os.path.join(options.out, name)
    return options


def main():
    options = arguments()
    if options.list:
        for workload in WORKLOADS.values():
            print(f"{workload.name:18} {workload.title}" + (" (quick)" if workload.quick else ""))
        return 0
    if os.getuid() == 0:
        become_ordinary_user(options, ["RESULTS.md", "results.svg", "recorded.json", "SCALE.md", "scale.svg",
                                       "scale.json"])
    os.environ["USER"] = pwd.getpwuid(os.getuid()).pw_name
    for directory in (options.work, options.out):
        os.makedirs(directory, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    lab = Lab(options.work, options.ecrin)
    lab.warn()
    try:
        return scale.run(lab, options) if options.scale else (quick if options.quick else full)(lab, options)
    finally:
        lab.clean(builds.NAMES, thorough=not options.quick)
        lab.close()


if __name__ == "__main__":
    sys.exit(main())

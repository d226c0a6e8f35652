"""What a workload is: who takes part, what it is compared with, and how it is run, each sample of each in turn."""

import dataclasses
import os
import sys
import time
from collections.abc import Callable

from measure import LINGER, Measured, ratio

ECRIN, PEER, PART = "ecrin", "peer", "part"  # part: a piece of what has to be done at least, by a plain tool


@dataclasses.dataclass
class Contestant:
    name: str
    kind: str
    command: list | Callable  # words, or a function of the round's number that gives them
    prepare: Callable = lambda number: []  # commands before a sample, not measured
    after: Callable = lambda sample: None  # may complete the sample
    stays: bool = False  # the command leaves a process that is meant to stay; after ends it


@dataclasses.dataclass
class Target:
    """What must be reached: got is at most limit. Both are functions of a Measured; names that were not measured are a
    KeyError, and the target is open then."""
    text: str
    got: Callable
    limit: Callable
    unit: str = "s"


@dataclasses.dataclass
class Workload:
    name: str
    title: str
    make: Callable  # a function of the Lab that gives the contestants
    targets: list
    floor: Callable | None = None  # function of a Measured and of wall or cpu: what has to be done at least
    measures: tuple = ("wall", "cpu")  # which ratios to the floor are recorded
    reps: Callable = lambda asked: asked
    warm: bool = False  # one round is thrown away before: for what is so short that first uses of files show
    quick: int = 0  # samples of ./dev bench --quick; 0: not in it
    note: str = ""


def parts(*names):
    """The floor that is the sum of these."""
    return lambda measured, what: sum(getattr(measured, what)(name) for name in names)


def run(lab, workload, reps, peers=True, seconds=None):
    """All samples of a workload; after two rounds no more than fit into these seconds."""
    contestants = [one for one in workload.make(lab) if peers or one.kind != PEER]
    measured = Measured()
    failed = set()
    begin = time.monotonic()
    for number in range(-1 if workload.warm else 0, reps):
        if seconds and number >= 2 and time.monotonic() - begin > seconds:
            break
        for one in contestants:
            if one.name in failed:
                continue
            for command in one.prepare(number):
                lab.sampler.call(command, check=False)
            command = one.command(number) if callable(one.command) else one.command
            os.sync()  # nobody waits for what another one wrote
            sample = lab.sampler.sample(command, 0 if one.stays else LINGER)
            if sample is None:
                if one.kind == ECRIN:
                    sys.exit(f"bench: failed: {' '.join(command)}\nbench: what it said is in {lab.sampler.log.name}")
                failed.add(one.name)
                measured.samples.pop(one.name, None)
                print(f"  {one.name}: does not work here, left out", file=sys.stderr)
                continue
            one.after(sample)
            if number >= 0:
                measured.add(one.name, sample)
    kinds = {one.name: one.kind for one in contestants}
    return measured, kinds


@dataclasses.dataclass
class Verdict:
    text: str
    limit: float | None
    got: float | None
    unit: str

    @property
    def share(self):
        """What was needed as a part of what is allowed; at most 1 is reached."""
        return self.got / self.limit if self.limit else None

    @property
    def reached(self):
        return None if self.share is None else self.share <= 1


def judge(workload, measured):
    verdicts = []
    for target in workload.targets:
        try:
            got, limit = target.got(measured), target.limit(measured)
        except (KeyError, ValueError):  # not measured
            got = limit = None
        verdicts.append(Verdict(target.text, limit, got, target.unit))
    return verdicts


def floor_ratios(workload, measured, reference="ecrin"):
    """What ecrin needs over what has to be done at least: wall or cpu -> Ratio."""
    found = {}
    for what in workload.measures if workload.floor else ():
        try:
            one = ratio(measured, lambda m, w=what: getattr(m, w)(reference), lambda m, w=what: workload.floor(m, w))
        except KeyError:
            continue
        if one:
            found[what] = one
    return found

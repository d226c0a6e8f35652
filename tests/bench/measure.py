"""Samples of commands, and what is computed from them."""

import ctypes
import dataclasses
import json
import os
import signal
import statistics
import subprocess
import sys
import time

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
LINGER = 2.0  # seconds for what a command leaves running, such as a monitor or a clean-up
# Its text, because an ordinary user may not be able to read the file.
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "sample.py"), encoding="utf-8") as source:
    RUNNER = source.read()


@dataclasses.dataclass
class Sample:
    wall: float  # seconds till the command ended
    cpu: float  # processor seconds of the command and all that it started
    peak: float  # MiB that its largest process had in memory
    size: float = 0.0  # MiB on the disk, where a workload measures that


class Sampler:
    """Runs commands in the work directory, with a clean environment, as one user. What they print goes to a log."""

    def __init__(self, work, environment):
        self.work = work
        self.environment = environment
        self.log = open(os.path.join(work, "commands.log"), "a", encoding="utf-8")
        self.kept = set()  # children that are no leftovers: servers of the benchmark
        self.left = set()  # by the last command, still running
        # Whoever outlives its parent becomes a child of this process: so its processor time is known too.
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)

    def start(self, command):
        """A process that goes on; the caller ends it."""
        process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log,
                                   stderr=self.log, cwd=self.work)
        self.kept.add(process.pid)
        return process

    def output(self, command):
        """What a command prints; nothing when it fails."""
        done = subprocess.run(command, env=self.environment, cwd=self.work, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""

    def sample(self, command, linger=LINGER):
        """One Sample, or nothing when the command fails. What it leaves running gets this time to end."""
        print("$", " ".join(command), file=self.log, flush=True)
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            # The descriptors are put into place by hand: a shell in between would be one more process to measure.
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(self.log.fileno(), 1)
            os.dup2(self.log.fileno(), 2)
            os.dup2(writer, 3)  # last: any of the others may be 3
            os.set_inheritable(3, True)
            os.closerange(4, 64)
            os.chdir(self.work)
            os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", RUNNER, *command], self.environment)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as pipe:
            line = pipe.readline()
        os.waitpid(process, 0)
        self.left = set()
        later = self._leftovers(linger)
        if not line:
            return None
        told = json.loads(line)
        return None if told["status"] else Sample(told["wall"], told["cpu"] + later, told["peak"])

    def call(self, command, check=True):
        """A command that is not measured."""
        sample = self.sample(command)
        if sample is None and check:
            sys.exit(f"bench: failed: {' '.join(command)}\nbench: what it said is in {self.log.name}")
        return sample is not None

    def end_left(self):
        """Ends what the last command left running."""
        for pid in self.left:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        self.kept -= self.left

    def _leftovers(self, linger):
        """Processor seconds of what the last command left running, which gets some time to end."""
        seconds, end, pause = 0.0, time.monotonic() + linger, 0.001
        while True:
            waiting = self._children() - self.kept
            for pid in list(waiting):
                try:
                    done, _, used = os.wait4(pid, os.WNOHANG)
                except ChildProcessError:
                    waiting.discard(pid)
                    continue
                if done:
                    seconds += used.ru_utime + used.ru_stime
                    waiting.discard(pid)
            if not waiting:
                return seconds
            if time.monotonic() > end:
                self.kept |= waiting  # podman has a process that stays for good
                self.left = waiting
                return seconds
            time.sleep(pause)
            pause = min(2 * pause, 0.05)

    @staticmethod
    def _children():
        try:
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
                return {int(pid) for pid in file.read().split()}
        except FileNotFoundError:
            return set()


class Measured:
    """The samples of one workload: name of a contestant -> list of Sample, one a round."""

    def __init__(self):
        self.samples = {}

    def add(self, name, sample):
        self.samples.setdefault(name, []).append(sample)

    def names(self):
        return [name for name, samples in self.samples.items() if samples]

    def values(self, name, what):
        return [getattr(sample, what) for sample in self.samples[name]]

    def wall(self, name):
        return statistics.median(self.values(name, "wall"))

    def cpu(self, name):
        return statistics.median(self.values(name, "cpu"))

    def peak(self, name):
        return max(self.values(name, "peak"))

    def size(self, name):
        return statistics.median(self.values(name, "size"))

    def round(self, number):
        """The samples of one round only."""
        one = Measured()
        one.samples = {name: samples[number:number + 1] for name, samples in self.samples.items()}
        return one

    def rounds(self):
        return [self.round(i) for i in range(min((len(s) for s in self.samples.values() if s), default=0))]


@dataclasses.dataclass
class Ratio:
    """A ratio of what one run measured, from the rounds."""
    middle: float
    least: float
    most: float
    spread: float  # between the quarters of the rounds, as a part of the middle: one slow round is no spread


def ratio(measured, above, below):
    """above and below: functions of a Measured. What a round measured is compared within the round."""
    each = [above(one) / below(one) for one in measured.rounds() if below(one)]
    if not each:
        return None
    low, _, high = statistics.quantiles(each, n=4) if len(each) >= 4 else (min(each), 0, max(each))
    middle = statistics.median(each)
    return Ratio(middle, min(each), max(each), (high - low) / middle)


def quantity(seconds):
    """Three digits that count: 0.00412, 12.3."""
    if seconds == 0:
        return "0"
    digits = 2
    bound = 1.0
    while abs(seconds) < bound and digits < 6:
        bound /= 10
        digits += 1
    if abs(seconds) >= 10:
        digits = 1 if abs(seconds) < 100 else 0
    return f"{seconds:.{digits}f}"

#!/usr/bin/env python3
"""Random small images, put on randomly edited bases with `ecrin rebase`, and built there anew: a proof by many.

    rebase_proof.py [--ecrin PROGRAM] [--projects N] [--edits N] [--seed N] [--directory DIR] [--keep]

As proof.py, but the base is an image of its own. The application is built on it once with --cache=traced; after each edit of
the base it is rebased from the one before, step by step, and built on the new base with --cache=off in another store: the
images must be equal. Where a rebase warns that the layer of a COPY may be another one, it may be: how often that was so is
told at the end.
"""

import json
import os
import random
import shutil
import subprocess
import sys

import proof


def recipe(rng, base, context):
    """Copies go over the base, too. Nothing is mounted: a step that did so cannot run again without its recipe."""
    return [("copy", step[1], rng.choice([step[2], step[2], "/base/", "/base/more/"])) if step[0] == "copy" else step
            for step in proof.stage_steps(rng, base, context, rng.randrange(3, 7), [])]


class RebaseProof(proof.Proof):
    def __init__(self, options):
        super().__init__(options)
        self.carried = self.doubted = self.other = 0

    def ecrin(self, store, *words):
        return subprocess.run([self.options.ecrin, "--root", store, *words], capture_output=True, text=True, check=False)

    def make_base(self, store, work, number):
        with open(os.path.join(work, "base.yaml"), "w", encoding="utf-8") as file:
            file.write("from: {rootfs: base.tar}\n")
        made = self.ecrin(store, "build", "-q", "-t", f"base:{number}", "-f", os.path.join(work, "base.yaml"), work)
        assert made.returncode == 0, made.stderr

    def note(self, said):
        for line in said.splitlines():
            self.ran += "] ran again" in line
            self.carried += "] carried over" in line

    def project(self, seed, directory):
        rng = random.Random(seed)
        work = os.path.join(directory, "work")
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        base, context = proof.Tree(rng, rng.randrange(4, 14)), proof.Tree(rng, rng.randrange(4, 14))
        steps = recipe(rng, base, context)
        traced, plain = os.path.join(directory, "traced"), os.path.join(directory, "plain")
        context.write(os.path.join(work, "tree"))
        built = False
        for number in range(self.options.edits + 1):
            if number > 0:
                for _ in range(rng.randrange(1, 3)):
                    base.edit(rng)
            proof.write_base(base, work, self.options.busybox)
            for store in (traced, plain):
                self.make_base(store, work, number)
            with open(os.path.join(work, "recipe.yaml"), "w", encoding="utf-8") as file:
                file.write(proof.written([("main", steps)], context, f"localhost/base:{number}"))
            second, _ = self.build(plain, work, "off")
            self.builds += 1
            if not built:
                first, _ = self.build(traced, work, "traced")
                if first is None:
                    return True  # a source of COPY leads nowhere, say
                built = True
            else:
                done = self.ecrin(traced, "rebase", "proof", "--from", f"base:{number - 1}", "--onto", f"base:{number}",
                                  "-t", "proof")
                self.note(done.stderr)
                first = done.stdout.strip() if done.returncode == 0 else None
                if first is None and second is None:
                    return True
                doubted = "warning: step " in done.stderr
                self.doubted += doubted
                if first != second and doubted:
                    self.other += 1
                    return True
                if first != second:
                    print(done.stderr, file=sys.stderr)
            if first != second:
                print(f"project {seed}, edit {number}: {first} is not {second}", file=sys.stderr)
                return False
        return True

    def has_proved(self):
        return self.ran > 0 and self.carried > 0

    def told(self):
        return (f"{self.builds} builds, {self.ran} steps ran again, {self.carried} were carried over; {self.doubted} "
                f"rebases had doubts, {self.other} of them with reason")


def main():
    return RebaseProof(proof.parsed()).run()


if __name__ == "__main__":
    sys.exit(main())

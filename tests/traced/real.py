#!/usr/bin/env python3
"""Real builds after real edits: steps that run and time, with the exact cache and with the traced one.

    real.py [--ecrin PROGRAM] [--reps N] [--directory DIR] [--keep]

Three builds on one Debian base (made from the machine's own package mirror): a CMake project of 40 C++ files, a Python
package with tests, and a chain of apt-get installs. Each is built cold in a fresh store for each cache, interleaved, and
then after each edit: README, one source file, a base with a patch in a package that the build does not use, a base with a
patched C library. The image after each edit must be the one that --cache=off makes, where two such builds make the
same; packages from the network are not fetched again for that. Prints tables in Markdown.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import proof  # noqa: E402  (become_ordinary, SOURCE)

BASE = """name: base-{name}
from:
  bootstrap: debian
  suite: bookworm
  include: [g++, cmake, make, python3, python3-setuptools, python3-pip, python3-wheel, less]
steps:
- run: {{command: "{command}", network: none}}
"""
BASES = {
    "plain": "true",
    # As a security update would do it: another file, and the note that the package manager keeps.
    "unused": "printf '\\\\0' >> /usr/bin/less && sed -i '/^Package: less$/,/^$/s/^Version: .*/&+deb12u9/' /var/lib/dpkg/status",
    "libc": "printf '\\\\0' >> /lib/x86_64-linux-gnu/libc.so.6",
}

CMAKE = """name: project
from: localhost/base-{base}
steps:
- copy: {{src: ., dest: /src/}}
- run: {{command: cmake -S /src -B /build -DCMAKE_BUILD_TYPE=Release, network: none}}
- run: {{command: cmake --build /build -j 2, network: none}}
- run: {{command: ctest --test-dir /build --output-on-failure, network: none}}
- run: {{command: cmake --install /build --prefix /usr --strip && rm -r /build, network: none}}
"""
PYTHON = """name: package
from: localhost/base-{base}
env: {{PYTHONHASHSEED: 0, PYTHONDONTWRITEBYTECODE: 1, SOURCE_DATE_EPOCH: 0}}
steps:
- copy: {{src: ., dest: /src/}}
- run: {{command: cd /src && python3 -m unittest -q, network: none}}
- run:
    command: pip install --break-system-packages --no-build-isolation --no-deps --no-index --no-compile /src
    network: none
- run: {{command: "cd / && python3 -c 'import shop; print(shop.total([1, 2]))' > /checked", network: none}}
"""
APT = """name: chain
from: localhost/base-{base}
env: {{DEBIAN_FRONTEND: noninteractive}}
steps:
- copy: {{src: ., dest: /app/}}
- run: {{command: apt-get update, network-inputs: pinned}}
- run: {{command: apt-get install -y --no-install-recommends sqlite3 curl, network-inputs: pinned}}
- run: {{command: apt-get install -y --no-install-recommends ninja-build git, network-inputs: pinned}}
- run: {{command: cc -o /usr/bin/app /app/src/main.c, network: none}}
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def cmake_context(root):
    names = [f"part{number}" for number in range(40)]
    write(f"{root}/README.md", "# A project\n")
    write(f"{root}/CMakeLists.txt", "cmake_minimum_required(VERSION 3.20)\nproject(parts CXX)\nenable_testing()\n"
          f"add_executable(parts main.cpp {' '.join('src/' + name + '.cpp' for name in names)})\n"
          "target_include_directories(parts PRIVATE include)\nadd_test(NAME parts COMMAND parts)\ninstall(TARGETS parts)\n")
    write(f"{root}/main.cpp", "".join(f'#include "{name}.hpp"\n' for name in names) + "int main() {\n  std::size_t n = 0;\n" +
          "".join(f"  n += {name}();\n" for name in names) + "  return n == 0;\n}\n")
    for number, name in enumerate(names):
        write(f"{root}/include/{name}.hpp", f"#pragma once\n#include <cstddef>\nstd::size_t {name}();\n")
        write(f"{root}/src/{name}.cpp", f'#include "{name}.hpp"\n#include <map>\n#include <string>\n#include <vector>\n'
              f"std::size_t {name}() {{\n  std::map<std::string, std::vector<int>> all;\n  all[\"{name}\"].push_back({number});\n"
              "  return all.size();\n}\n")


def python_context(root):
    write(f"{root}/README.md", "# A shop\n")
    write(f"{root}/setup.py", "from setuptools import setup\nsetup(name='shop', version='1.0', packages=['shop'])\n")
    write(f"{root}/shop/__init__.py", "from .sums import total\n")
    write(f"{root}/shop/sums.py", "def total(prices):\n    return sum(prices)\n")
    write(f"{root}/test/__init__.py", "")
    write(f"{root}/test/test_sums.py", "import unittest\nimport shop\n\n\nclass Sums(unittest.TestCase):\n"
          "    def test_total(self):\n        self.assertEqual(shop.total([1, 2]), 3)\n")


def apt_context(root):
    write(f"{root}/README.md", "# An app\n")
    write(f"{root}/src/main.c", "int main(void) { return 0; }\n")


BUILDS = {
    "CMake project": (CMAKE, cmake_context, "src/part7.cpp", True),
    "Python package": (PYTHON, python_context, "shop/sums.py", True),
    "apt-get chain": (APT, apt_context, "src/main.c", False),
}
EDITS = ["README edited", "a source file edited", "base patched, a package not used", "base patched, libc"]


class Store:
    def __init__(self, ecrin, root):
        self.ecrin, self.root = ecrin, root

    def build(self, recipe, context, how):
        begin = time.monotonic()
        done = subprocess.run([self.ecrin, "--root", self.root, "build", "--progress", "json", "--cache", how, "--explain",
                               "-f", recipe, context], capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begin
        if done.returncode:
            sys.exit(f"{' '.join(done.args)}: {done.stderr[-3000:]}")
        finished = [event for event in map(json.loads, done.stderr.splitlines()) if event.get("event") == "finished"]
        ran = [event["text"] for event in finished if event["state"] == "done"]
        return seconds, ran, done.stdout.strip(), finished


class Bench:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory

    def store(self, name):
        """A copy of the one with the bases."""
        root = os.path.join(self.directory, "stores", name)
        subprocess.run([self.options.ecrin, "unshare", "sh", "-c", 'rm -rf "$2" && mkdir -p "${2%/*}" && cp -a "$1" "$2"', "sh",
                        os.path.join(self.directory, "bases"), root], check=True)
        return Store(self.options.ecrin, root)

    def prepare(self):
        bases = Store(self.options.ecrin, os.path.join(self.directory, "bases"))
        for name, command in BASES.items():
            recipe = os.path.join(self.directory, f"base-{name}.yaml")
            write(recipe, BASE.format(name=name, command=command))
            print(f"base {name}: {bases.build(recipe, self.directory, 'exact')[0]:.0f} s", file=sys.stderr, flush=True)

    def edited(self, build, context, edit):
        """Does the edit; the base to build on."""
        source = BUILDS[build][2]
        if edit == EDITS[0]:
            write(f"{context}/README.md", "# Another word\n")
        if edit == EDITS[1]:
            with open(f"{context}/{source}", "a", encoding="utf-8") as file:
                file.write("# changed\n" if source.endswith(".py") else "int changed() { return 1; }\n"
                           if source.endswith(".c") else "int changed_too() { return 1; }\n")
        return {EDITS[2]: "unused", EDITS[3]: "libc"}.get(edit, "plain")

    def measure(self, build):
        recipe_text, make_context, _, is_repeatable = BUILDS[build]
        cold = {"exact": [], "traced": []}
        after = {edit: {"exact": [], "traced": []} for edit in EDITS}
        for rep in range(self.options.reps):
            for how in ("exact", "traced") if rep % 2 == 0 else ("traced", "exact"):
                store = self.store(how)
                context = os.path.join(self.directory, "context")
                shutil.rmtree(context, ignore_errors=True)
                make_context(context)
                recipe = os.path.join(self.directory, "recipe.yaml")
                write(recipe, recipe_text.format(base="plain"))
                cold[how].append(store.build(recipe, context, how)[0])
                for edit in EDITS:
                    shutil.rmtree(context)
                    make_context(context)
                    write(recipe, recipe_text.format(base=self.edited(build, context, edit)))
                    seconds, ran, image, events = store.build(recipe, context, how)
                    after[edit][how].append((seconds, len(ran)))
                    if how == "traced" and is_repeatable and rep == 0:
                        other = self.store("off").build(recipe, context, "off")[2]
                        is_same = other == image
                        if not is_same and self.store("off").build(recipe, context, "off")[2] == other:
                            sys.exit(f"{build}, {edit}: {image} is not {other}")
                        if not is_same:
                            print(f"{build}: every run makes another image: not compared", file=sys.stderr)
                            is_repeatable = False
                    if self.options.verbose:
                        for event in events:
                            print(how, edit, event["state"], event["text"], event["reasons"], file=sys.stderr)
        return cold, after


def middle(values):
    return statistics.median(values)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ecrin", default=os.path.join(proof.SOURCE, "out/release/ecrin"))
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--directory", default="/var/tmp")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("builds", nargs="*", default=list(BUILDS))
    options = parser.parse_args()
    options.ecrin = proof.become_ordinary(os.path.abspath(options.ecrin))
    directory = tempfile.mkdtemp(prefix="ecrin-real-", dir=options.directory)
    bench = Bench(options, directory)
    bench.prepare()
    rows, colds = [], []
    for build in options.builds:
        cold, after = bench.measure(build)
        exact, traced = middle(cold["exact"]), middle(cold["traced"])
        colds.append(f"| {build} | {exact:.2f} s | {traced:.2f} s | {100 * (traced / exact - 1):+.0f} % |")
        for edit in EDITS:
            cells = []
            for how in ("exact", "traced"):
                seconds = middle([value[0] for value in after[edit][how]])
                cells.append(f"{after[edit][how][0][1]} steps, {seconds:.2f} s")
            rows.append(f"| {build} | {edit} | {' | '.join(cells)} |")
        print(colds[-1], *rows[-len(EDITS):], sep="\n", file=sys.stderr, flush=True)
    print("| build | after | exact cache | traced cache |\n|---|---|---|---|", *rows, "", sep="\n")
    print("| cold build | exact | traced | |\n|---|---|---|---|", *colds, sep="\n")
    if not options.keep:
        subprocess.run([options.ecrin, "unshare", "rm", "-rf", directory], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())

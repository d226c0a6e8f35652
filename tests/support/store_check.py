#!/usr/bin/python3
"""Looks at a store without ecrin, as root of a user namespace with all of the user's ids.

usage: store_check.py check STORE REFERENCE [pruned]
       store_check.py power-cut STORE TRACE SHADOW names|no-names new|old

check: prints what is wrong, a line each: rows without their files, blobs and trees that are not what they were.
REFERENCE is a file that remembers what the tree of a layer looks like. pruned: and what nothing needs.

power-cut: changes the store into what a power cut may leave (nothing runs any more). TRACE was written by ecrin-faults
(tests/faults/fault_point.hpp): the content of files that no sync covered goes; with no-names the names that no sync
covered go, too. The database stays as it is (new), or is the one that was synced last (old, from SHADOW).
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import stat
import sys
import tempfile

DATABASE = "db.sqlite"
TABLES = ("layers", "recorded_layers")


@contextlib.contextmanager
def database(store):
    """A copy: looking must not change anything, and closing the last connection writes to the file."""
    with tempfile.TemporaryDirectory(dir=store.parent) as directory:
        for suffix in ("", "-wal", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(store / (DATABASE + suffix), pathlib.Path(directory) / (DATABASE + suffix))
        connection = sqlite3.connect(pathlib.Path(directory) / DATABASE)
        try:
            yield connection
        finally:
            connection.close()


def digest_of_file(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return "sha256:" + hasher.hexdigest()


def digest_of_tree(top):
    """Names, kinds, modes, owners and content; not the times, which an overlay changes for directories below."""
    hasher = hashlib.sha256()
    for directory, directories, files in os.walk(top):
        directories.sort()
        for name in sorted(directories + files):
            path = os.path.join(directory, name)
            facts = os.lstat(path)
            kind = stat.S_IFMT(facts.st_mode)
            content = ""
            if stat.S_ISREG(kind):
                content = digest_of_file(path)
            elif stat.S_ISLNK(kind):
                content = os.readlink(path)
            hasher.update(f"{os.path.relpath(path, top)}\0{facts.st_mode:o}\0{facts.st_uid}:{facts.st_gid}\0"
                          f"{facts.st_rdev}\0{content}\n".encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()


class Check:
    def __init__(self, store, reference):
        self.store = store
        self.reference_file = reference
        self.reference = json.loads(reference.read_text()) if reference.exists() else {}
        self.good_blobs = {}
        self.problems = []
        self.trees = {}   # diff ID -> directory
        self.needed_blobs = set()
        self.needed_trees = set()  # directory ids

    def wrong(self, text):
        self.problems.append(text)

    def blob(self, digest):
        return self.store / "blobs" / digest.replace(":", "/")

    def is_good_blob(self, digest):
        if digest not in self.good_blobs:
            path = self.blob(digest)
            self.good_blobs[digest] = path.is_file() and digest_of_file(path) == digest
        return self.good_blobs[digest]

    def document(self, digest, what):
        self.needed_blobs.add(digest)
        if not self.is_good_blob(digest):
            self.wrong(f"{what}: blob {digest} is missing or wrong")
            return None
        return json.loads(self.blob(digest).read_bytes())

    def check_layers(self, connection, tables):
        for table in tables:
            for name, diff_id in connection.execute(f"SELECT id, diff_id FROM {table}"):
                tree = self.store / table / name / "diff"
                if not tree.is_dir():
                    self.wrong(f"layer {name} has a row and no directory")
                    continue
                if not diff_id:
                    continue
                self.trees[diff_id] = name
                found = digest_of_tree(tree)
                # The owners of one table are real, those of the other recorded: different trees.
                if self.reference.setdefault(f"{table} {diff_id}", found) != found:
                    self.wrong(f"the tree of layer {name} ({diff_id}) is another one than before")

    def check_image(self, manifest_digest):
        what = f"image {manifest_digest[:19]}"
        manifest = self.document(manifest_digest, what)
        config = manifest and self.document(manifest["config"]["digest"], what)
        if not config:
            return
        for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
            if diff_id in self.trees:
                self.needed_trees.add(self.trees[diff_id])
            has_blob = self.is_good_blob(layer["digest"])
            if self.blob(layer["digest"]).exists():
                self.needed_blobs.add(layer["digest"])
                if not has_blob:
                    self.wrong(f"{what}: the blob of a layer, {layer['digest']}, is wrong")
            elif diff_id not in self.trees:
                self.wrong(f"{what}: layer {diff_id} is neither a blob nor a tree")

    def check_rest(self, connection, tables):
        """After a prune of all but what is named."""
        known = {name for table in tables for (name,) in connection.execute(f"SELECT id FROM {table}")}
        for table in TABLES:
            if (self.store / table).is_dir():
                for name in sorted(set(os.listdir(self.store / table)) - self.needed_trees):
                    self.wrong(f"{table}/{name} is left{'' if name in known else ', without a row'}")
        for algorithm in ("sha256", "sha512"):
            for name in sorted(os.listdir(self.store / "blobs" / algorithm)):
                if f"{algorithm}:{name}" not in self.needed_blobs:
                    self.wrong(f"blobs/{algorithm}/{name} is left")
        for folder in ("tmp", "downloads", "locks", "containers", "working"):
            if (self.store / folder).is_dir():
                for name in sorted(os.listdir(self.store / folder)):
                    self.wrong(f"{folder}/{name} is left")
        for (kind, key) in connection.execute("SELECT kind, key FROM holds"):
            self.wrong(f"{kind} {key} is held still")
        for (key, layer) in connection.execute("SELECT key, layer FROM build_steps WHERE layer IS NOT NULL"):
            if layer not in self.needed_trees:
                self.wrong(f"the build step {key} is left")
        files = {DATABASE, DATABASE + "-wal", DATABASE + "-shm", "reserve", "spare", "driver", "owners"}
        for entry in self.store.iterdir():
            if not entry.is_dir() and entry.name not in files:
                self.wrong(f"{entry.name} is left")

    def run(self, pruned):
        with database(self.store) as connection:
            for (answer,) in connection.execute("PRAGMA integrity_check"):
                if answer != "ok":
                    self.wrong(f"the database: {answer}")
            there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            tables = [table for table in TABLES if table in there]
            self.check_layers(connection, tables)
            for (manifest,) in connection.execute("SELECT manifest FROM images WHERE kind = 'image'"):
                self.check_image(manifest)
            if pruned:
                self.check_rest(connection, tables)
        self.reference_file.write_text(json.dumps(self.reference))
        return self.problems


def read_trace(path):
    """The last whole sync's time, files whose bytes are synced, and names that are not: (directory, name)."""
    synced_at, synced, names = 0, set(), {}
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "W":
            synced.discard(int(rest))
        elif kind == "S":
            synced.add(int(rest))
            names = {key: name for key, name in names.items() if key[0] != int(rest)}
        elif kind == "F":
            synced_at, names = int(rest), {}
        elif kind == "N":
            directory, _, name = rest.partition(" ")
            names[(int(directory), name)] = name
    return synced_at, synced, set(names)


def power_cut(store, trace, shadow, keeps_names, old_database):
    synced_at, synced, unsynced_names = read_trace(trace)
    lost = 0
    for directory, directories, files in os.walk(store):
        inode = os.lstat(directory).st_ino
        for name in list(directories) + files:
            path = os.path.join(directory, name)
            if directory == str(store) and name.startswith(DATABASE):
                continue
            if not keeps_names and (inode, name) in unsynced_names:
                if name in directories:
                    directories.remove(name)
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
                lost += 1
                continue
            facts = os.lstat(path)
            if stat.S_ISREG(facts.st_mode) and facts.st_size > 0 and facts.st_ino not in synced \
                    and facts.st_ctime_ns > synced_at:
                os.truncate(path, 0)
                lost += 1
    # The index of the log is made anew by whoever opens the database first.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(store / (DATABASE + "-shm"))
    if old_database:
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(store / (DATABASE + suffix))
            if (shadow / (DATABASE + suffix)).exists():
                shutil.copyfile(shadow / (DATABASE + suffix), store / (DATABASE + suffix))
    print(lost)


def main():
    words = sys.argv[1:]
    if len(words) >= 3 and words[0] == "check":
        for problem in Check(pathlib.Path(words[1]), pathlib.Path(words[2])).run("pruned" in words[3:]):
            print(problem)
    elif len(words) == 6 and words[0] == "power-cut":
        store, trace, shadow = (pathlib.Path(word) for word in words[1:4])
        power_cut(store, trace, shadow, words[4] == "names", words[5] == "old")
    else:
        sys.exit(__doc__)


main()

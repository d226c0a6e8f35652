#!/usr/bin/python3
"""Makes images for tests without ecrin: a small good one, and many bad ones.

usage: images.py busybox ARCHIVE TEST_INIT       oci-archive of localhost/busybox:latest
       images.py layers NAME OUT TAR...          oci-archive NAME of these layer tars, on top of nothing
       images.py hostile-layer CASE OUT CANARY   oci-archive whose layer tries to touch CANARY (a directory)
       images.py broken CASE OUT                 OCI layout directory that is wrong in one way
       images.py list-cases hostile-layer|broken
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
INDEX = "application/vnd.oci.image.index.v1+json"
ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


# ---- tar -------------------------------------------------------------------------------------------------------

class Layer:
    """A tar in the making; raw on purpose: names and links are written as given."""

    def __init__(self, format=tarfile.PAX_FORMAT):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=format, errors="surrogateescape")

    def add(self, name, type=tarfile.REGTYPE, data=b"", mode=0o644, **facts):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.size = type, mode, len(data)
        for key, value in facts.items():
            setattr(info, key, value)
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def directory(self, name, mode=0o755, **facts):
        return self.add(name, tarfile.DIRTYPE, mode=mode, **facts)

    def symlink(self, name, target):
        return self.add(name, tarfile.SYMTYPE, mode=0o777, linkname=target)

    def hardlink(self, name, target):
        return self.add(name, tarfile.LNKTYPE, linkname=target)

    def done(self):
        self.tar.close()
        return self.buffer.getvalue()


def busybox_layer(test_init):
    layer = Layer()
    for name, mode in (("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("home/someone", 0o755),
                       ("mnt", 0o755), ("proc", 0o755), ("root", 0o700), ("sys", 0o755), ("tmp", 0o1777), ("usr", 0o755),
                       ("usr/bin", 0o755), ("var", 0o755), ("var/tmp", 0o1777)):
        layer.directory(name, mode, **({"uid": 1000, "gid": 1000} if name.endswith("someone") else {}))
    busybox = pathlib.Path("/bin/busybox").read_bytes()
    layer.add("bin/busybox", data=busybox, mode=0o755)
    layer.add("bin/test-init", data=pathlib.Path(test_init).read_bytes(), mode=0o755)
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in sorted(set(applets) - {"busybox"}):
        layer.symlink(f"bin/{applet}", "busybox")
    layer.add("etc/passwd", data=b"root:x:0:0:root:/root:/bin/sh\nsomeone:x:1000:1000::/home/someone:/bin/sh\n")
    layer.add("etc/group", data=b"root:x:0:\nsomeone:x:1000:\nextra:x:2000:someone\n")
    return layer.done()


# ---- OCI layouts -----------------------------------------------------------------------------------------------

class Layout:
    """An OCI image layout as a dictionary of files."""

    def __init__(self):
        self.files = {"oci-layout": json.dumps({"imageLayoutVersion": "1.0.0"}).encode()}
        self.descriptors = []

    def blob(self, data, media_type):
        self.files["blobs/sha256/" + digest(data)[7:]] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def image(self, name, tars, config=None, compress=False, change_config=None, change_manifest=None):
        layers = [self.blob(gzip.compress(tar, 6, mtime=0) if compress else tar, LAYER + ("+gzip" if compress else ""))
                  for tar in tars]
        document = {"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux",
                    "created": "1970-01-01T00:00:00Z", "config": config or {"Env": ENVIRONMENT, "Cmd": ["/bin/sh"]},
                    "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
                    "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "a test"} for _ in tars]}
        if change_config:
            change_config(document)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                    "config": self.blob(json.dumps(document).encode(), CONFIG), "layers": layers}
        if change_manifest:
            change_manifest(manifest)
        return self.name(self.blob(json.dumps(manifest).encode(), MANIFEST), name)

    def name(self, descriptor, name):
        self.descriptors.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}})
        return self

    def finished(self):
        self.files.setdefault("index.json", json.dumps(
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.descriptors}).encode())
        return self.files

    def write_archive(self, out):
        with tarfile.open(out, "w") as archive:
            # skopeo as an ordinary user cannot read an archive without its directories: it chowns those it makes up.
            for name in ("blobs", "blobs/sha256"):
                info = tarfile.TarInfo(name)
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            for name, data in sorted(self.finished().items()):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))

    def write_directory(self, out):
        for name, data in self.finished().items():
            path = pathlib.Path(out, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


# ---- layers that want out --------------------------------------------------------------------------------------
# Each takes the canary's absolute path and returns one or more layer tars. A name ending in "-harmless" has a meaning
# inside the root and may be accepted; the others must be refused. None may touch the canary.

def up(canary):
    return "../" * 40 + canary.lstrip("/")


HOSTILE = {
    "dot-dot": lambda c: [Layer().add(up(c) + "/escaped", data=b"x").done()],
    "dot-dot-gnu-long": lambda c: [Layer(tarfile.GNU_FORMAT).add("a" * 120 + "/../../" + up(c) + "/escaped", data=b"x").done()],
    "dot-dot-inside": lambda c: [Layer().directory("a").add("a/" + up(c) + "/escaped", data=b"x").done()],
    "dot-dot-directory": lambda c: [Layer().directory(up(c), mode=0o777).done()],
    "absolute-harmless": lambda c: [Layer().add(c + "/escaped", data=b"x").done()],
    "symlink-parent-harmless": lambda c: [Layer().symlink("way", c).add("way/escaped", data=b"x").done()],
    "symlink-parent-relative-harmless": lambda c: [Layer().symlink("way", up(c)).add("way/escaped", data=b"x").done()],
    "symlink-chain-harmless": lambda c: [Layer().symlink("a", "b").symlink("b", c).add("a/escaped", data=b"x").done()],
    "symlink-below-harmless": lambda c: [Layer().symlink("way", c).done(), Layer().add("way/escaped", data=b"x").done()],
    "symlink-file-overwritten-harmless": lambda c: [Layer().symlink("f", c + "/file").add("f", data=b"bad").done()],
    "symlink-directory-harmless": lambda c: [Layer().symlink("d", c).directory("d", mode=0o777).done()],
    "symlink-whiteout-harmless": lambda c: [Layer().symlink("way", c).add("way/.wh.file").done()],
    "symlink-opaque-harmless": lambda c: [Layer().symlink("way", c).add("way/.wh..wh..opq").done()],
    "hardlink-absolute": lambda c: [Layer().hardlink("stolen", c + "/file").done()],
    "hardlink-dot-dot": lambda c: [Layer().hardlink("stolen", up(c) + "/file").done()],
    "hardlink-through-symlink": lambda c: [Layer().symlink("way", c).hardlink("stolen", "way/file").done()],
    "hardlink-to-symlink-then-write-harmless": lambda c: [
        Layer().symlink("s", c + "/file").hardlink("h", "s").add("h", data=b"bad").done()],
    "hardlink-to-nothing": lambda c: [Layer().hardlink("stolen", "not-there").done()],
    "whiteout-dot-dot": lambda c: [Layer().add(up(c) + "/.wh.file").done()],
    "whiteout-of-dot-dot": lambda c: [Layer().directory("a").add("a/.wh...").done()],
    "whiteout-of-dot": lambda c: [Layer().directory("a").add("a/.wh..").done()],
    "whiteout-of-nothing": lambda c: [Layer().directory("a").add("a/.wh.").done()],
    "device": lambda c: [Layer().add("disk", tarfile.BLKTYPE, mode=0o666, devmajor=8, devminor=0).done()],
    "device-character": lambda c: [Layer().add("mem", tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=1).done()],
    "whiteout-device-harmless": lambda c: [Layer().add("etc", tarfile.CHRTYPE, mode=0o666, devmajor=0, devminor=0).done()],
    "overlay-redirect-harmless": lambda c: [Layer().directory("d", pax_headers={
        "SCHILY.xattr.user.overlay.redirect": c, "SCHILY.xattr.user.overlay.opaque": "y",
        "SCHILY.xattr.trusted.overlay.redirect": c}).done()],
    "too-deep": lambda c: [Layer().add("a/" * 50000 + "f", data=b"x").done()],
    "name-too-long": lambda c: [Layer().add("n" * 256, data=b"x").done()],
    "nul-in-name-harmless": lambda c: [Layer().add("f", data=b"x", pax_headers={"path": "f\0/../../escaped"}).done()],
    "sparse-petabyte": lambda c: [Layer().add("GNUSparseFile.0/huge", data=b"1\n0\n1\n".ljust(512, b"\0") + b"x", pax_headers={
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "huge",
        "GNU.sparse.realsize": str(1 << 60)}).done()],
    "second-tar-behind": lambda c: [Layer().directory("a").done() + Layer().add("b", data=b"x").done()],
    "cut-short": lambda c: [Layer().add("f", data=b"x" * 5000).done()[:2000]],
    "not-a-tar": lambda c: [b"this is no tar " * 100],
}

# ---- layouts that are wrong ------------------------------------------------------------------------------------


def good(config=None, **changes):
    layer = Layer().directory("etc").add("etc/file", data=b"content\n" * 5000).done()
    return Layout().image("localhost/broken:latest", [layer], config=config, **changes)


def damaged_layer(change):
    """A good image whose layer blob is then changed in place; its name stays the old digest."""
    layout = good(compress=True)
    name = max((name for name in layout.files if name.startswith("blobs/") and layout.files[name][:2] == b"\x1f\x8b"))
    layout.files[name] = change(layout.files[name])
    return layout


def flip(data):
    return data[:40] + bytes([data[40] ^ 4]) + data[41:]


def layer_size(change):
    def apply(manifest):
        manifest["layers"][0]["size"] += change
    return apply


def set_digest(text):
    def apply(manifest):
        manifest["layers"][0]["digest"] = text
    return apply


def manifest_bytes(data, size=None):
    layout = Layout()
    descriptor = layout.blob(data, MANIFEST)
    return layout.name({**descriptor, "size": len(data) if size is None else size}, "localhost/broken:latest")


def index_bytes(data):
    layout = good()
    layout.files["index.json"] = data
    return layout


def lying_diff_id(document):
    document["rootfs"]["diff_ids"][0] = "sha256:" + "0" * 64


def surplus_diff_id(document):
    document["rootfs"]["diff_ids"].append("sha256:" + "1" * 64)


def config_not_there(layout):
    del layout.files["blobs/sha256/" + json.loads(
        layout.files["blobs/sha256/" + layout.descriptors[0]["digest"][7:]])["config"]["digest"][7:]]
    return layout


BROKEN = {
    "layer-truncated": lambda: damaged_layer(lambda data: data[:-100]),
    "layer-flipped": lambda: damaged_layer(flip),
    "layer-longer": lambda: damaged_layer(lambda data: data + b"more"),
    "layer-empty": lambda: damaged_layer(lambda data: b""),
    "layer-size-too-small": lambda: good(change_manifest=layer_size(-1)),
    "layer-size-too-big": lambda: good(change_manifest=layer_size(1)),
    "layer-size-negative": lambda: good(change_manifest=layer_size(-10**9)),
    "layer-missing": lambda: good(change_manifest=set_digest("sha256:" + "2" * 64)),
    "layer-diff-id-lies": lambda: good(change_config=lying_diff_id),
    "surplus-diff-id": lambda: good(change_config=surplus_diff_id),
    "digest-with-path": lambda: good(change_manifest=set_digest("sha256:../../../../etc/passwd")),
    "digest-with-odd-algorithm": lambda: good(change_manifest=set_digest("md5:" + "3" * 32)),
    "digest-in-upper-case": lambda: good(change_manifest=set_digest("sha256:" + "A" * 64)),
    "config-missing": lambda: config_not_there(good()),
    "config-no-object": lambda: good(change_config=lambda document: document.update(config=[1, 2])),
    "config-env-no-list": lambda: good(config={"Env": "PATH=/bin"}),
    "config-rootfs-missing": lambda: good(change_config=lambda document: document.pop("rootfs")),
    "manifest-no-json": lambda: manifest_bytes(b"{ this is no JSON"),
    "manifest-cut": lambda: manifest_bytes(b'{"schemaVersion": 2, "config": {'),
    "manifest-deep": lambda: manifest_bytes(b'{"a":' + b"[" * 200000 + b"]" * 200000 + b"}"),
    "manifest-no-layers": lambda: manifest_bytes(b'{"schemaVersion": 2}'),
    "manifest-schema-1": lambda: manifest_bytes(b'{"schemaVersion": 1, "fsLayers": [], "history": []}'),
    "manifest-wrong-size": lambda: manifest_bytes(b"{}", size=1),
    "manifest-200-megabytes": lambda: manifest_bytes(b'{"schemaVersion": 2}', size=200 << 20),
    "index-no-json": lambda: index_bytes(b"\xff\xfe"),
    "index-empty": lambda: index_bytes(b""),
    "index-no-manifests": lambda: index_bytes(b'{"schemaVersion": 2, "manifests": []}'),
    "index-of-itself": lambda: index_bytes(json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": INDEX, "digest": "sha256:" + "4" * 64, "size": 100}]}).encode()),
}


def write_broken(case, out):
    layout = BROKEN[case]()
    layout.write_directory(out)
    if case == "manifest-200-megabytes":
        # A sparse file: what matters is that it is not read into memory before its size is looked at.
        blob = layout.descriptors[0]["digest"][7:]
        os.truncate(pathlib.Path(out, "blobs", "sha256", blob), 200 << 20)


def main(words):
    if words[:1] == ["busybox"] and len(words) == 3:
        Layout().image("localhost/busybox:latest", [busybox_layer(words[2])]).write_archive(words[1])
    elif words[:1] == ["layers"] and len(words) >= 4:
        tars = [pathlib.Path(name).read_bytes() for name in words[3:]]
        Layout().image(words[1], tars).write_archive(words[2])
    elif words[:1] == ["hostile-layer"] and len(words) == 4:
        with tempfile.NamedTemporaryFile(suffix=".init") as nothing:
            tars = [busybox_layer(nothing.name)] + HOSTILE[words[1]](words[3])
        Layout().image("localhost/hostile:latest", tars).write_archive(words[2])
    elif words[:1] == ["broken"] and len(words) == 3:
        write_broken(words[1], words[2])
    elif words[:1] == ["list-cases"] and len(words) == 2:
        print("\n".join(HOSTILE if words[1] == "hostile-layer" else BROKEN))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

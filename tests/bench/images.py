"""Images to measure with, made of tars: the same input gives the same bytes."""

import hashlib
import io
import json
import os
import platform
import random
import subprocess
import tarfile

OCI = "application/vnd.oci.image."
REFERENCE = "org.opencontainers.image.ref.name"
CREATED = "2026-01-01T00:00:00Z"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
PACK = {"gzip": ["gzip", "-n", "-6", "-c"], "zstd": ["zstd", "-q", "-3", "-T1", "-c"]}
# Where a path goes when an image is divided into six layers: the first that it begins with, else layer 0.
SIX = ["usr/lib/gcc", "usr/lib/x86_64-linux-gnu", "usr/share", "usr/bin", "usr/lib"]


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_document(layout, kind, value, **more):
    data = json.dumps(value).encode()
    digest = hashlib.sha256(data).hexdigest()
    with open(blob(layout, digest), "wb") as file:
        file.write(data)
    return {"mediaType": OCI + kind, "digest": "sha256:" + digest, "size": len(data), **more}


def blob(layout, digest):
    return os.path.join(layout, "blobs", "sha256", digest.removeprefix("sha256:"))


def put_layer(layout, tar, packing):
    draft = os.path.join(layout, "draft")
    with open(draft, "wb") as file:
        subprocess.run([*PACK[packing], tar], stdout=file, check=True)
    digest = digest_of(draft)
    os.rename(draft, blob(layout, digest))
    return {"mediaType": OCI + "layer.v1.tar+" + packing, "digest": "sha256:" + digest,
            "size": os.path.getsize(blob(layout, digest))}


def add_images(layout, images, tars=(), packing="gzip"):
    """images: tag -> settings of its config. They all have the same layers."""
    os.makedirs(os.path.join(layout, "blobs", "sha256"), exist_ok=True)
    with open(os.path.join(layout, "oci-layout"), "w", encoding="utf-8") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')
    layers = [put_layer(layout, tar, packing) for tar in tars]
    diff_ids = ["sha256:" + digest_of(tar) for tar in tars]
    manifests = []
    for tag, settings in images.items():
        config = put_document(layout, "config.v1+json", {
            "created": CREATED, "architecture": ARCHITECTURE, "os": "linux", "config": settings,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": CREATED, "created_by": os.path.basename(tar)} for tar in tars]})
        manifests.append(put_document(layout, "manifest.v1+json", {
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": layers},
            annotations={REFERENCE: tag}))
    path = os.path.join(layout, "index.json")
    kept = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            kept = [one for one in json.load(file)["manifests"] if one["annotations"][REFERENCE] not in images]
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump({"schemaVersion": 2, "manifests": kept + manifests}, file)
    os.rename(path + ".new", path)


def layers_of(layout, tag):
    """Paths of an image's packed layers."""
    with open(os.path.join(layout, "index.json"), encoding="utf-8") as file:
        found = [one for one in json.load(file)["manifests"] if one["annotations"][REFERENCE] == tag]
    with open(blob(layout, found[0]["digest"]), encoding="utf-8") as file:
        return [blob(layout, layer["digest"]) for layer in json.load(file)["layers"]]


def tags_of(layout):
    try:
        with open(os.path.join(layout, "index.json"), encoding="utf-8") as file:
            return {one["annotations"][REFERENCE] for one in json.load(file)["manifests"]}
    except FileNotFoundError:
        return set()


def divide(tar, to):
    """The same files in six tars; a hard link goes where its target went. Returns their paths."""
    paths = [f"{to}.{i}.tar" for i in range(len(SIX) + 1)]
    outs = [tarfile.open(path, "w", format=tarfile.PAX_FORMAT) for path in paths]
    place = {}
    with tarfile.open(tar) as source:
        for member in source:
            name = member.name.removeprefix("./")
            number = next((i for i, start in enumerate(SIX, 1) if name.startswith(start)), 0)
            place[member.name] = place.get(member.linkname, 0) if member.islnk() else number
            outs[place[member.name]].addfile(member, source.extractfile(member) if member.isreg() else None)
    for out in outs:
        out.close()
    return paths


def change_some(tar, to, part, word):
    """The same files, but of the regular ones this part has a line more."""
    with tarfile.open(tar) as source, tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as out:
        due = 0.0
        for member in source:
            data = source.extractfile(member) if member.isreg() else None
            due += part if data else 0
            if data and due >= 1 and member.size < 1 << 20:
                due -= 1
                data = io.BytesIO(data.read() + f"# {word}\n".encode())
                member.size = len(data.getbuffer())
            out.addfile(member, data)


def make_data(to, mebibytes):
    """Files of 1 MiB, a quarter of which is random."""
    source = random.Random(mebibytes)
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as out:
        for number in range(mebibytes):
            member = tarfile.TarInfo(f"data/{number}")
            member.size = 1 << 20
            out.addfile(member, io.BytesIO(b"".join(source.randbytes(1024) + bytes(3072) for _ in range(256))))


def make_files(to, count):
    """Small files, a hundred a directory."""
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as out:
        for number in range(count):
            data = f"{number}\n".encode()
            member = tarfile.TarInfo(f"files/{number // 10000}/{number // 100 % 100}/{number}")
            member.size = len(data)
            out.addfile(member, io.BytesIO(data))

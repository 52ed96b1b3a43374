"""Images without a registry: kept as archives, one folder per recipe, imported into each node.

`pause` holds a Pod's network, `busybox` is for Pods that need a shell, and the base is Debian with
Python, on which buildah builds a Dockerfile with `ARG BASE`. A build sees only the files that are
named for it, and they, the Dockerfile and the base make its key: a change makes a new image.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clusters.archives import write_archive, write_layer
from clusters.containerd import PAUSE_IMAGE
from clusters.keeping import forget_all_but, key_of, made_once
from clusters.places import REPOSITORY, kept
from clusters.programs import compile_go, output_of

KIND = "cluster-images"
REGISTRY = "localhost/deploytune-tests"
BUSYBOX_IMAGE = f"{REGISTRY}/busybox:latest"
BASE_IMAGE = f"{REGISTRY}/base:latest"
SUITE = "bookworm"
BASE_PACKAGES = ("python3", "python3-venv", "libpython3.11", "ca-certificates")
BUSYBOX = "/bin/busybox"
CERTIFICATES = "/etc/ssl/certs"
ARCHIVE = "image.tar"
STORE = "cluster-image-store"
_KEPT_OF_A_NAME = 2  # a checkout and another beside it
_ROOM_BYTES = 20 * 2**30


@dataclass(frozen=True)
class Image:
    """An image in an archive, and the name under which a Pod asks for it."""

    reference: str
    archive: Path


@dataclass(frozen=True)
class BuildRecipe:
    """How an image of this repository is built; `sources` are files and folders of it.

    `base` is what it stands on, the base image where there is none. `go_programs` are compiled
    before: where each goes, and its source. `context` is the folder that the Dockerfile begins in.
    """

    name: str
    dockerfile: str
    sources: Sequence[str]
    arguments: Mapping[str, str] = field(default_factory=dict)
    base: BuildRecipe | None = None
    go_programs: Mapping[str, str] = field(default_factory=dict)
    context: str = "."


def pause_and_busybox() -> list[Image]:
    """Return the images that every node needs."""
    # A command would be an argument of the entrypoint, at which pause ends: it has none.
    sleep = {"Entrypoint": [BUSYBOX, "sleep", "2147483647"]}
    return [
        _of_busybox(PAUSE_IMAGE, (BUSYBOX,), sleep),
        _of_busybox(BUSYBOX_IMAGE, (BUSYBOX, "/bin/sh"), {"Cmd": ["/bin/sh"]}),
    ]


def base_image() -> Image:
    """Return Debian with Python; made in half a minute, once."""
    recipe = {"suite": SUITE, "packages": BASE_PACKAGES, "machine": platform.machine()}
    return Image(BASE_IMAGE, made_once(KIND, recipe, _bootstrap) / ARCHIVE)


def build_image(recipe: BuildRecipe) -> Image:
    """Return the image of a Dockerfile; made anew when anything in it or its base changed."""
    base = build_image(recipe.base) if recipe.base else base_image()
    files = {str(path): _digest(REPOSITORY / path) for path in _files_of(recipe)}
    everything = {"recipe": asdict(recipe), "files": files, "base": base.archive.parent.name}
    reference = f"{REGISTRY}/{recipe.name}:{key_of(everything)}"
    kind = f"{KIND}/{recipe.name}"
    folder = made_once(kind, everything, lambda made: _build(recipe, base, reference, made))
    forget_all_but(_KEPT_OF_A_NAME, kind)
    return Image(reference, folder / ARCHIVE)


def _of_busybox(reference: str, names: Sequence[str], config: Mapping[str, Any]) -> Image:
    program = Path(shutil.which("busybox") or BUSYBOX).resolve()

    def make(folder: Path) -> None:
        layer = folder / "layer.tar"
        write_layer(layer, program, names)
        write_archive(folder / ARCHIVE, reference, layer, config=config)
        layer.unlink()

    recipe = {"reference": reference, "names": names, "config": config, "of": _digest(program)}
    return Image(reference, made_once(KIND, recipe, make) / ARCHIVE)


def _bootstrap(folder: Path) -> None:
    layer = folder / "layer.tar"
    packages = f"--include={','.join(BASE_PACKAGES)}"
    output_of(["mmdebstrap", "--variant=minbase", packages, SUITE, layer])
    config = {"Cmd": ["/bin/bash"], "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}
    write_archive(folder / ARCHIVE, BASE_IMAGE, layer, config=config)
    layer.unlink()


def _build(recipe: BuildRecipe, base: Image, reference: str, folder: Path) -> None:
    if shutil.disk_usage(kept(STORE)).free < _ROOM_BYTES:
        _buildah("rmi", "--all", "--force")  # layers of earlier builds: they save time alone
    arguments = {"BASE": f"docker-archive:{base.archive}", **recipe.arguments}
    with tempfile.TemporaryDirectory(prefix="deploytune-build-") as context:
        for path in _files_of(recipe):
            target = Path(context, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / path, target)
        for program, source in recipe.go_programs.items():
            compile_go(REPOSITORY / source, Path(context, program))
        _buildah(
            "bud",
            "--layers",
            "--network=host",
            f"--volume={CERTIFICATES}:{CERTIFICATES}:ro",  # a proxy's certificate, for pip
            *(f"--build-arg={name}={value}" for name, value in arguments.items()),
            f"--file={Path(context, recipe.dockerfile)}",
            f"--tag={reference}",
            Path(context, recipe.context),
        )
    _buildah("push", reference, f"docker-archive:{folder / ARCHIVE}:{reference}")


def _buildah(command: str, *arguments: str | Path) -> None:
    """Run buildah in an image store of its own, with the isolation that starts everywhere."""
    store = kept(STORE)
    places = (f"--root={store / 'images'}", f"--runroot={store / 'run'}")
    output_of(["buildah", *places, command, *arguments], variables={"BUILDAH_ISOLATION": "chroot"})


def _files_of(recipe: BuildRecipe) -> Iterator[Path]:
    """Yield the files of a build, by their places in the repository."""
    for source in (*recipe.sources, recipe.dockerfile):
        place = REPOSITORY / source
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in found:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(REPOSITORY)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

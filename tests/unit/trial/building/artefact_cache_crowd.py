"""One of several processes that use an artefact cache at once: prints hits, misses, wrong reads."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.build.cache.entries import ArtefactCache, KeptBuild
from deploytune_trial.models.interface import ModelInterface

ROUNDS = 60
BUILDS = "abcdef"
SIZE_BYTES = 50_000
LIMIT_BYTES = 3 * SIZE_BYTES + SIZE_BYTES // 2


def main(root: Path, own: Path) -> None:
    cache = ArtefactCache(root, LIMIT_BYTES)
    counts = {"hits": 0, "misses": 0, "wrong": 0}
    for number in range(ROUNDS):
        letter = random.choice(BUILDS)
        folder = own / str(number)
        folder.mkdir(parents=True)
        kept = cache.fetch(letter * 64, folder)
        if kept is None:
            counts["misses"] += 1
            cache.keep(letter * 64, KeptBuild(built(folder, letter), 1.0), {})
        else:
            counts["hits"] += 1
            content = kept.artefact.files["model"].read_text()
            counts["wrong"] += content != letter * SIZE_BYTES
        shutil.rmtree(folder)
    sys.stdout.write(" ".join(map(str, counts.values())))


def built(folder: Path, letter: str) -> Artefact:
    (folder / "built").write_text(letter * SIZE_BYTES)
    interface = ModelInterface((), (), batched=True)
    return Artefact("any", {"model": folder / "built"}, {}, interface, SIZE_BYTES)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

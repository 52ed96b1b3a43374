"""Builds that trials keep for each other, in one folder that all of them use at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.build.cache.entries import ArtefactCache, KeptBuild
from deploytune_trial.models.interface import ModelInterface, Tensor

KEY = "a" * 64
OTHER = "b" * 64
MIB = 2**20
X = Tensor("x", "float32", (4,))
CROWD = Path(__file__).with_name("artefact_cache_crowd.py")


def a_cache(folder: Path, limit_bytes: int = 100 * MIB) -> ArtefactCache:
    return ArtefactCache(folder / "cache", limit_bytes)


def a_build(folder: Path, content: bytes = b"weights", seconds: float = 12.5) -> KeptBuild:
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    artefact = Artefact(
        backend="onnxruntime",
        files={"model.onnx": folder / "model.onnx"},
        settings={"precision": "fp16"},
        interface=ModelInterface((X,), (X,), batched=True),
        size_bytes=len(content),
        facts={"nodes": 3},
    )
    return KeptBuild(artefact, seconds)


def fetched(cache: ArtefactCache, folder: Path, key: str = KEY) -> KeptBuild | None:
    folder.mkdir(exist_ok=True)
    return cache.fetch(key, folder)


def content_of(build: KeptBuild | None) -> bytes:
    assert build is not None
    return build.artefact.files["model.onnx"].read_bytes()


def entries(folder: Path) -> set[str]:
    return {path.name for path in (folder / "cache" / "entries").iterdir()}


def use_long_ago(folder: Path, key: str, seconds: float) -> None:
    entry = folder / "cache" / "entries" / key / "entry.json"
    os.utime(entry, (time.time() - seconds,) * 2)


def test_a_kept_build_is_fetched_as_it_was_with_the_seconds_of_its_build(tmp_path: Path) -> None:
    cache, build = a_cache(tmp_path), a_build(tmp_path / "built")

    assert cache.keep(KEY, build, {"model": "m"})
    kept = fetched(cache, tmp_path / "mine")

    assert kept is not None
    assert kept.build_seconds == 12.5
    assert content_of(kept) == b"weights"
    assert kept.artefact.files == {"model.onnx": tmp_path / "mine" / "model.onnx"}
    assert kept.artefact.interface == build.artefact.interface
    assert kept.artefact.settings == build.artefact.settings
    assert kept.artefact.facts == build.artefact.facts


def test_what_was_never_built_is_not_there(tmp_path: Path) -> None:
    assert fetched(a_cache(tmp_path), tmp_path / "mine") is None


def test_of_two_that_build_the_same_the_first_stays(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    assert cache.keep(KEY, a_build(tmp_path / "one", b"first"), {})

    assert not cache.keep(KEY, a_build(tmp_path / "two", b"second"), {})

    assert content_of(fetched(cache, tmp_path / "mine")) == b"first"
    assert list((tmp_path / "cache" / "coming").iterdir()) == []


def damaged_file(entry: Path) -> None:
    (entry / "files" / "model.onnx").write_bytes(b"weighty")


def missing_file(entry: Path) -> None:
    (entry / "files" / "model.onnx").unlink()


def damaged_record(entry: Path) -> None:
    record = (entry / "entry.json").read_text()
    (entry / "entry.json").write_text(record.replace("12.5", "1.25"))


def half_a_record(entry: Path) -> None:
    record = (entry / "entry.json").read_text()
    (entry / "entry.json").write_text(record[: len(record) // 2])


def missing_record(entry: Path) -> None:
    (entry / "entry.json").unlink()


@pytest.mark.parametrize(
    "damage", [damaged_file, missing_file, damaged_record, half_a_record, missing_record]
)
def test_a_damaged_entry_is_not_believed_and_makes_room_for_a_new_one(
    tmp_path: Path, damage: Any
) -> None:
    cache = a_cache(tmp_path)
    cache.keep(KEY, a_build(tmp_path / "built"), {})
    damage(tmp_path / "cache" / "entries" / KEY)

    assert fetched(cache, tmp_path / "mine") is None
    assert list((tmp_path / "mine").iterdir()) == []
    assert entries(tmp_path) == set()
    assert cache.keep(KEY, a_build(tmp_path / "again"), {})
    assert content_of(fetched(cache, tmp_path / "mine")) == b"weights"


def test_what_was_not_used_for_the_longest_time_makes_room(tmp_path: Path) -> None:
    cache = a_cache(tmp_path, limit_bytes=5 * MIB // 2)
    for age, key in ((30, KEY), (20, OTHER)):
        cache.keep(key, a_build(tmp_path / key[:1], bytes(MIB)), {})
        use_long_ago(tmp_path, key, age)
    fetched(cache, tmp_path / "mine", KEY)  # now used later than the other

    cache.keep("c" * 64, a_build(tmp_path / "c", bytes(MIB)), {})

    assert entries(tmp_path) == {KEY, "c" * 64}
    assert list((tmp_path / "cache" / "going").iterdir()) == []


def test_a_build_larger_than_the_whole_cache_is_not_kept(tmp_path: Path) -> None:
    cache = a_cache(tmp_path, limit_bytes=MIB)

    cache.keep(KEY, a_build(tmp_path / "built", bytes(2 * MIB)), {})

    assert entries(tmp_path) == set()


def test_a_reader_keeps_its_files_when_the_entry_goes(tmp_path: Path) -> None:
    cache = a_cache(tmp_path, limit_bytes=3 * MIB // 2)
    cache.keep(KEY, a_build(tmp_path / "built", b"a" * MIB), {})
    reader = fetched(cache, tmp_path / "reader")
    use_long_ago(tmp_path, KEY, 60)

    cache.keep(OTHER, a_build(tmp_path / "other", bytes(MIB)), {})

    assert entries(tmp_path) == {OTHER}
    assert content_of(reader) == b"a" * MIB


def test_a_reader_that_writes_to_its_files_spoils_nothing(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    build = a_build(tmp_path / "built")
    cache.keep(KEY, build, {})
    for files in (build.artefact.files, fetched(cache, tmp_path / "one").artefact.files):  # type: ignore[union-attr]
        files["model.onnx"].write_bytes(b"changed")

    assert content_of(fetched(cache, tmp_path / "two")) == b"weights"


def test_folders_of_trials_that_were_killed_are_removed_after_an_hour(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    for name, age in (("old", 3700), ("young", 60)):
        left = tmp_path / "cache" / "coming" / name
        left.mkdir()
        os.utime(left, (time.time() - age,) * 2)

    cache.keep(KEY, a_build(tmp_path / "built"), {})

    assert [path.name for path in (tmp_path / "cache" / "coming").iterdir()] == ["young"]


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")

    with pytest.raises(OSError, match="cache"):
        a_cache(tmp_path)


def test_answers_stay_with_their_build(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    cache.keep(KEY, a_build(tmp_path / "built"), {})
    cache.keep_answers(KEY, "data", {"accuracy": 0.9})

    assert cache.answers(KEY, "data") == {"accuracy": 0.9}
    assert cache.answers(KEY, "other data") is None
    assert cache.answers(OTHER, "data") is None


def test_damaged_answers_are_not_believed(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    cache.keep(KEY, a_build(tmp_path / "built"), {})
    cache.keep_answers(KEY, "data", {"accuracy": 0.9})
    file = tmp_path / "cache" / "entries" / KEY / "answers-data.json"

    file.write_text(file.read_text().replace("0.9", "1.0"))

    assert cache.answers(KEY, "data") is None


def test_answers_of_a_build_that_is_gone_are_not_kept(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    cache.keep_answers(KEY, "data", {"accuracy": 0.9})
    assert entries(tmp_path) == set()


def test_a_compiler_goes_on_from_what_it_knew_last(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    assert cache.memory(KEY) is None

    cache.keep_memory(KEY, b"tactics")
    cache.keep_memory(KEY, b"more tactics")

    assert cache.memory(KEY) == b"more tactics"


def test_a_damaged_memory_is_forgotten(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    cache.keep_memory(KEY, b"tactics")
    file = tmp_path / "cache" / "memories" / KEY
    file.write_bytes(file.read_bytes()[:-1])

    assert cache.memory(KEY) is None


def test_a_crowd_of_processes_never_reads_a_build_that_is_not_whole(tmp_path: Path) -> None:
    """Four processes keep, fetch and evict the same six builds in a cache that holds three."""
    crowd = [
        subprocess.Popen(
            [sys.executable, str(CROWD), str(tmp_path / "cache"), str(tmp_path / f"member-{n}")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    said = [member.communicate()[0].split() for member in crowd]

    assert [member.returncode for member in crowd] == [0] * 4
    hits, misses, wrong = (sum(int(one[column]) for one in said) for column in range(3))
    assert wrong == 0
    assert hits > 0
    assert misses > 0
    assert len(entries(tmp_path)) <= 3

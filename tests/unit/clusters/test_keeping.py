"""What is costly is made once, and never seen half made."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from clusters.keeping import forget_all_but, key_of, made_once


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "deploytune" / "things"


def test_a_recipe_is_made_once_and_a_changed_one_again() -> None:
    made: list[str] = []

    def make(folder: Path) -> None:
        made.append(folder.name)
        (folder / "thing").touch()

    first = made_once("things", {"pin": 1}, make)
    again = made_once("things", {"pin": 1}, make)
    changed = made_once("things", {"pin": 2}, make)

    assert first == again != changed
    assert len(made) == 2
    assert (changed / "thing").exists()


def test_a_failure_leaves_nothing_that_looks_made(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        made_once("things", {}, fail)

    assert [] == [path for path in cache.iterdir() if not path.name.startswith(".lock-")]


def test_two_that_ask_at_once_make_it_once() -> None:
    together = threading.Barrier(2)
    made: list[int] = []
    found: list[Path] = []

    def ask() -> None:
        together.wait(timeout=10)
        found.append(made_once("things", {}, lambda _folder: made.append(1)))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)

    assert len(made) == 1
    assert len(set(found)) == 1
    assert len(found) == 2


def test_two_that_ask_for_different_things_make_them_at_once() -> None:
    together = threading.Barrier(2)

    def make(_folder: Path) -> None:
        together.wait(timeout=10)

    def ask(number: int) -> None:
        made_once("things", {"pin": number}, make)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)

    assert not together.broken


def test_the_order_of_a_recipes_keys_does_not_matter() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})


def test_what_was_used_last_stays_and_the_rest_is_forgotten() -> None:
    first, second, third = (made_once("things", {"pin": pin}, lambda _: None) for pin in range(3))
    for age, folder in enumerate((third, second, first)):
        os.utime(folder, (age, age))
    made_once("things", {"pin": 2}, lambda _: None)
    forget_all_but(2, "things")

    assert {first, third} == {each for each in first.parent.iterdir() if each.is_dir()}

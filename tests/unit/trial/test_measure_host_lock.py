from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploytune.contract.errors import MachineError
from deploytune_trial.measure.host_lock import hold_lock


class Waits:
    """Counts how often somebody had to wait."""

    def __init__(self) -> None:
        self.count = 0
        self.began = threading.Event()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        self.count += 1
        self.began.set()
        yield


def test_a_free_lock_is_held_without_a_wait(tmp_path: Path) -> None:
    waits = Waits()

    with hold_lock(tmp_path / "lock", waits.waiting):
        pass

    assert waits.count == 0


def test_a_second_holder_waits_for_the_first(tmp_path: Path) -> None:
    waits = Waits()
    order = []

    def second() -> None:
        with hold_lock(tmp_path / "lock", waits.waiting):
            order.append("second")

    with hold_lock(tmp_path / "lock", waits.waiting):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.began.wait(10)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_without_a_lock_nobody_waits() -> None:
    with hold_lock(None, Waits().waiting):
        pass


def test_a_lock_that_cannot_be_opened_is_the_machines_fault(tmp_path: Path) -> None:
    with (
        pytest.raises(MachineError, match="measurement lock"),
        hold_lock(tmp_path / "missing" / "lock", Waits().waiting),
    ):
        pass

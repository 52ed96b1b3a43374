from __future__ import annotations

from pathlib import Path

from deploytune.contract.bounded_logs import bound_log


def test_a_long_log_keeps_its_end_and_is_gone_on_with(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"early" * 100 + b"late")
        bound_log(log, longest=400, kept=4)
        writer.write(b", later")
    assert log.read_bytes() == b"[500 bytes are left out]\nlate, later"


def test_a_short_log_stays_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 400)
    bound_log(log, longest=400, kept=4)
    assert log.read_bytes() == b"x" * 400


def test_a_log_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    bound_log(tmp_path / "log")

from __future__ import annotations

from pathlib import Path

from deploytune.contract.codec import decode_message
from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.report import Breadcrumb, TrialReport
from deploytune.contract.stages import Stage
from deploytune_trial.termination import TerminationLog


def a_report(outcome: OutcomeKind = OutcomeKind.FEASIBLE) -> TrialReport:
    return TrialReport(trial="t-1", index=1, attempt=0, outcome=outcome, stage=Stage.REPORT)


def test_a_message_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = TerminationLog(path)

    log.write_breadcrumb(Breadcrumb(stage=Stage.WARM_UP, waited_seconds=1.2345))
    log.write_breadcrumb(Breadcrumb(stage=Stage.LOAD))

    assert decode_message(path.read_bytes()) == Breadcrumb(stage=Stage.LOAD)


def test_the_file_itself_stays_because_it_may_be_a_mount(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("something long that was there before, longer than any breadcrumb " * 3)
    inode = path.stat().st_ino

    TerminationLog(path).write_breadcrumb(Breadcrumb(stage=Stage.LOAD))

    assert path.stat().st_ino == inode
    assert decode_message(path.read_bytes()) == Breadcrumb(stage=Stage.LOAD)


def test_nothing_is_written_after_a_report(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = TerminationLog(path)

    log.write_report(a_report())
    log.write_breadcrumb(Breadcrumb(stage=Stage.MEASURE))
    log.write_report(a_report(OutcomeKind.TIMED_OUT))

    assert decode_message(path.read_bytes()) == a_report()

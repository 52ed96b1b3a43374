from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploytune.contract.bounded_logs import KEPT_LOG_BYTES, LONGEST_LOG_BYTES
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.children import Child, Children, failure_of_exit, log_tail
from deploytune_trial.process_tree import is_alive, process_tree

SLEEP_WITH_CHILD = "sleep 300 & echo $!; sleep 300"

PARENT = """
import sys
from pathlib import Path
from deploytune_trial.children import Child
child = Child(["sleep", "300"], Path(sys.argv[1]))
print(child.pid, flush=True)
sys.stdin.read()
"""


def eventually(what: Callable[[], bool], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
    return False


def test_a_child_is_ended_with_its_whole_group(tmp_path: Path) -> None:
    log = tmp_path / "log"
    children = Children()
    child = children.start(["sh", "-c", SLEEP_WITH_CHILD], log)
    assert eventually(lambda: log.read_text().endswith("\n"))
    grandchild = int(log.read_text())

    children.end_all()

    assert child.exit_code() == -9
    assert not is_alive(grandchild)


def test_a_child_is_ended_with_what_it_put_into_another_session(tmp_path: Path) -> None:
    log = tmp_path / "log"
    children = Children()
    children.start(["sh", "-c", "setsid -f true; setsid sleep 300 & echo $!; sleep 300"], log)
    assert eventually(lambda: log.read_text().endswith("\n"))
    grandchild = int(log.read_text())

    children.end_all()

    assert not is_alive(grandchild)


def test_a_child_that_starts_ever_more_processes_is_ended_with_them(tmp_path: Path) -> None:
    log = tmp_path / "log"
    children = Children()
    child = children.start(["sh", "-c", "while :; do setsid sleep 300 & echo; done"], log)
    assert eventually(lambda: len(log.read_bytes()) > 10)
    os.kill(child.pid, signal.SIGSTOP)
    started = process_tree(child.pid)
    os.kill(child.pid, signal.SIGCONT)

    children.end_all()

    assert len(started) > 10
    assert not any(is_alive(process) for process in started)


def test_a_child_that_prints_forever_has_a_bounded_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    children = Children()
    children.start(["yes", "all is well"], log)
    assert eventually(lambda: log.stat().st_size > LONGEST_LOG_BYTES)

    children.bound_logs()
    assert eventually(lambda: log.stat().st_size > LONGEST_LOG_BYTES)  # it still prints
    children.end_all()
    children.bound_logs()

    assert log.stat().st_size < KEPT_LOG_BYTES + 100
    assert "all is well | all is well" in log_tail(log)


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)

        parent.kill()

    assert eventually(lambda: not is_alive(child))


def test_a_child_whose_parent_is_gone_does_not_start() -> None:
    launcher = Path(__file__).parents[3] / "trial_image/deploytune_trial/bound_to_parent.py"
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(launcher), "1", "echo", "started"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode != 0
    assert ended.stdout == ""
    assert "parent 1 has ended" in ended.stderr


def test_a_child_is_killed_before_its_parent_when_memory_runs_out(tmp_path: Path) -> None:
    child = Child(["sleep", "300"], tmp_path / "log")

    assert eventually(lambda: Path(f"/proc/{child.pid}/oom_score_adj").read_text() == "500\n")

    child.end()


def test_a_child_leads_a_group_of_its_own(tmp_path: Path) -> None:
    child = Child(["sleep", "300"], tmp_path / "log")

    assert os.getpgid(child.pid) == child.pid

    child.end()


@pytest.mark.parametrize(
    ("code", "outcome", "cause", "said"),
    [
        (-9, OutcomeKind.INFRASTRUCTURE, Cause.UNKNOWN_KILL, "killed by SIGKILL"),
        (137, OutcomeKind.INFRASTRUCTURE, Cause.UNKNOWN_KILL, "killed by SIGKILL"),
        (-6, OutcomeKind.CRASHED, Cause.ERROR, "died of SIGABRT"),
        (139, OutcomeKind.CRASHED, Cause.ERROR, "died of SIGSEGV"),
        (1, OutcomeKind.CRASHED, Cause.BUILD_FAILED, "ended with code 1: last line"),
    ],
    ids=["SIGKILL", "SIGKILL as a shell says it", "abort", "segmentation fault", "exit code"],
)
def test_the_exit_of_a_child_says_what_failed(
    code: int, outcome: OutcomeKind, cause: Cause, said: str
) -> None:
    failure = failure_of_exit("the build", code, Cause.BUILD_FAILED, "last line")

    assert (failure.outcome, failure.cause) == (outcome, cause)
    assert said in failure.message


def test_the_tail_of_a_log_is_its_last_lines_that_say_something(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\n\n+---+---+\n| a | b |\n+---+---+\n\n  two  \nthree\n\n")

    assert log_tail(log) == "| a | b | | two | three"


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert log_tail(tmp_path / "missing") == ""

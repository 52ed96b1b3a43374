"""A trial in a control group whose memory runs out: the kernel kills, the trial reports."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx_builders
import pytest
from trial_processes import TrialProcess, eventually

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage

pytestmark = pytest.mark.triton

MIB = 2**20
LIMITS = {
    Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes",
    Path("/sys/fs/cgroup"): "memory.max",
}

EnterGroup = Callable[[int], list[str]]


@pytest.fixture
def enter_group() -> Iterator[EnterGroup]:
    """Make a group with a memory limit; return the command that enters it and runs another."""
    name = f"deploytune-test-{secrets.token_hex(4)}"
    made: list[Path] = []

    def enter(limit_bytes: int) -> list[str]:
        for root, limit in LIMITS.items():
            try:
                (root / name).mkdir()
                made.append(root / name)
                (root / name / limit).write_text(str(limit_bytes))
            except OSError:
                continue
            procs = root / name / "cgroup.procs"
            return ["sh", "-c", f'echo $$ > {procs} && exec "$@"', "enter"]
        pytest.skip("no control group with a memory limit can be made here")

    yield enter
    for group in made:
        eventually(lambda: not (group / "cgroup.procs").read_text())  # noqa: B023 - called at once
        group.rmdir()


def test_instances_that_need_too_much_memory_are_out_of_memory(
    trial: TrialProcess, enter_group: EnterGroup
) -> None:
    large = onnx_builders.an_mlp(hidden=600_000)
    trial.workload["models"][0]["source"] = onnx_builders.saved(large, trial.folder, "large.onnx")
    trial.launcher = enter_group(600 * MIB)

    report = trial.run(parameters={"instances": 16, "intraOpThreads": 1})

    assert (report.outcome, report.cause) == (OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY)
    assert report.stage is Stage.SERVE
    assert "for memory" in report.message

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploytune_trial.measure.memory import PeakMemory, tree_pss_kib
from deploytune_trial.process_tree import has_dead_member, process_tree

HOLD = """
import sys
held = bytearray({mib} * 2**20)
held[::4096] = b"x" * len(held[::4096])
print("held", flush=True)
sys.stdin.read()
"""


def holding(mib: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(mib=mib)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_peak_holds_what_a_child_has_given_back() -> None:
    with PeakMemory(os.getpid()) as memory, holding(64) as child:
        before = tree_pss_kib(os.getpid())
        while memory.peak_mib * 1024 < before * 0.99:
            pass
        child.communicate()

    assert child.pid not in process_tree(os.getpid())
    assert memory.peak_mib > 64


def test_the_tree_has_the_children_of_children() -> None:
    with holding(1) as child:
        assert {os.getpid(), child.pid} <= set(process_tree(os.getpid()))
        child.communicate()


def test_a_process_that_has_ended_weighs_nothing(tmp_path: Path) -> None:
    assert tree_pss_kib(999, proc=tmp_path) == 0


def test_a_child_that_nobody_has_collected_is_a_dead_member() -> None:
    with holding(1) as child:
        assert not has_dead_member(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert has_dead_member(os.getpid())

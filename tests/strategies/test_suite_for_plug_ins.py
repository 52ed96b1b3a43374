"""The contract suite as a stranger runs it against a package: in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from plug_in_builders import Packages, packages

__all__ = ["packages"]

SUITE = Path(__file__).parent / "test_every_strategy.py"

FORGETFUL = """
import random
from deploytune.search import Proposal

class Forgetful:
    def propose(self, problem, knowledge, draw):
        while True:
            yield Proposal(problem.space.sample(random), "Forgetful", "Exploring")

def build(algorithm):
    return Forgetful()
"""


def held_against_the_suite(
    packages: Packages, name: str, tests: str
) -> subprocess.CompletedProcess[str]:
    """Run the selected tests of the suite with the strategy `name` added to them."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", SUITE, "-k", tests],
        cwd=SUITE.parents[2],
        env={
            **os.environ,
            "DEPLOYTUNE_TEST_STRATEGY": name,
            "PYTHONPATH": str(packages.folder),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_documented_strategy_keeps_the_contract(packages: Packages) -> None:
    packages.add_the_documented_one()
    done = held_against_the_suite(packages, "Mutation", "Mutation or another_process")
    assert 0 == done.returncode, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 15, "it was not added to the suite"


def test_a_strategy_that_forgets_the_seed_is_found_out(packages: Packages) -> None:
    packages.add("Forgetful", FORGETFUL)
    done = held_against_the_suite(packages, "Forgetful", "Forgetful and (replay or range)")
    assert "1 failed, 2 passed" in done.stdout, done.stdout


def test_a_strategy_that_is_not_installed_is_said_to_be_unknown(packages: Packages) -> None:
    done = held_against_the_suite(packages, "Vizier", "Vizier and replay")
    assert 1 == done.returncode
    assert "got 'Vizier'" in done.stdout

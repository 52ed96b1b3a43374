"""What a proposal costs after many trials: CPU milliseconds, and the memory of the process.

The product's own strategies, through the function that tunings use, on a drawn landscape whose
finished trials were drawn at random: what a strategy learns from does not depend on itself. CPU
time of the process, so that other work on the machine counts less; the first proposal, which loads
libraries, is not counted.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

from deploytune.bench.search.chance import chance
from deploytune.bench.search.keeping import kept_problem
from deploytune.bench.search.peers.own import OWN
from deploytune.bench.search.problems import BenchProblem
from deploytune.bench.search.runs import quantiles
from deploytune.bench.search.tables import as_markdown
from deploytune.contract.errors import InvalidTuningError
from deploytune.search.history import FinishedTrial, Knowledge
from deploytune.search.problem import Algorithm
from deploytune.search.proposing import next_proposal

PROBLEM_CLASS, SEED = "twelve", 0
"""Twelve categorical parameters: the widest of the landscapes."""

_KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Times:
    """CPU milliseconds of a proposal, and the largest memory that the process has had."""

    p50_ms: float
    p95_ms: float
    memory_mib: int


def random_history(bench: BenchProblem, trials: int) -> Knowledge:
    """Return that many trials of untried configurations, drawn at random."""
    problem = replace(bench.problem, max_trials=2 * trials, algorithm=Algorithm("Random", seed=1))
    knowledge = Knowledge()
    for index in range(trials):
        proposal = next_proposal(problem, knowledge, index)
        assert proposal is not None, "the space is far larger than the history"
        ending = bench.system.outcome(proposal.parameters, chance("noise", index))
        trial = FinishedTrial(
            index, proposal.parameters, ending.kind, ending.metrics, ending.seconds
        )
        knowledge = Knowledge((*knowledge.finished, trial))
    return knowledge


def time_proposals(
    bench: BenchProblem, algorithm: Algorithm, knowledge: Knowledge, proposals: int
) -> Times:
    """Time so many proposals after the same finished trials, each with an index of its own."""
    finished = len(knowledge.finished)
    problem = replace(bench.problem, max_trials=4 * finished + proposals, algorithm=algorithm)
    seconds = []
    for index in range(finished, finished + proposals + 1):
        began = process_time()
        next_proposal(problem, knowledge, index)
        seconds.append(process_time() - began)
    p50_ms, p95_ms = quantiles(seconds[1:])
    memory_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Times(p50_ms, p95_ms, memory_kib // _KIB_PER_MIB)


def proposal_table(
    strategies: Sequence[str], finished: Sequence[int], proposals: int, folder: Path | None
) -> str:
    """Return the times of strategies after so many finished trials, as markdown.

    Problems are kept in the folder, if one is given.

    Raises:
        InvalidTuningError: a strategy is not one of the product's own, or a number is too small.
    """
    for name in strategies:
        if name not in OWN:
            raise InvalidTuningError("strategies", f"must be among {', '.join(OWN)}", name)
    for field, number in (("finished", min(finished)), ("proposals", proposals)):
        if number < 1:
            raise InvalidTuningError(field, "must be at least 1", number)
    bench = kept_problem(folder, PROBLEM_CLASS, SEED)
    body = []
    for trials in sorted(finished):
        knowledge = random_history(bench, trials)
        for name in strategies:
            times = time_proposals(bench, OWN[name], knowledge, proposals)
            shown = (f"{times.p50_ms:.0f}", f"{times.p95_ms:.0f}", str(times.memory_mib))
            body.append([name, str(trials), *shown])
    return as_markdown(["strategy", "finished", "p50 ms", "p95 ms", "memory MiB so far"], body)

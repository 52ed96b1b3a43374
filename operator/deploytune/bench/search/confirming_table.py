"""The ways to spend confirmations as a table: regret of the answer against what it cost.

Each is played on the same searches of `tba` and against the same noise; and again on searches that
ended a few trials earlier, since what a rule measures again, the search could have tried instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from deploytune.bench.search.catalogue import check_classes, check_seeds
from deploytune.bench.search.confirming import IN_TURN, RULES, Verdict, judge
from deploytune.bench.search.keeping import kept_problem
from deploytune.bench.search.peers import peer_named
from deploytune.bench.search.problems import MOST_TRIALS, BenchProblem
from deploytune.bench.search.runs import Plan, played
from deploytune.bench.search.statistics import estimate
from deploytune.bench.search.tables import as_markdown
from deploytune.contract.errors import InvalidTuningError
from deploytune.search.history import FinishedTrial

_STRATEGY = "tba"
_FEWER = (0, 1, 2)  # trials that the search gives up for them

Verdicts = Mapping[tuple[str, int], Mapping[int, Verdict]]
"""Verdicts by rule and trials, then by seed."""


@dataclass(frozen=True)
class Comparison:
    """What is compared: searches of one class, and how often their noise is drawn."""

    problem_class: str
    seeds: range
    trials: int
    repeats: int

    def __post_init__(self) -> None:
        """Refuse what cannot be played.

        Raises:
            InvalidTuningError: an unknown class, seeds of no split, a wrong number.
        """
        check_classes((self.problem_class,))
        check_seeds(self.seeds)
        least = max(_FEWER) + 1
        if not least <= self.trials <= MOST_TRIALS:
            rule = f"must be {least} to {MOST_TRIALS}"
            raise InvalidTuningError("trials", rule, self.trials)
        if self.repeats < 1:
            raise InvalidTuningError("repeats", "must be at least 1", self.repeats)


def confirming_table(
    comparison: Comparison, folder: Path | None, show: Callable[[int, int], None]
) -> str:
    """Return the table; problems are kept in the folder, if one is given."""
    verdicts: dict[tuple[str, int], dict[int, Verdict]] = {}
    for done, seed in enumerate(comparison.seeds, 1):
        bench = kept_problem(folder, comparison.problem_class, seed)
        trials = _searched(bench, comparison)
        for key, verdict in verdicts_on(bench, trials, comparison.repeats).items():
            verdicts.setdefault(key, {})[seed] = verdict
        show(done, len(comparison.seeds))
    return table_of(verdicts)


def _searched(bench: BenchProblem, comparison: Comparison) -> list[FinishedTrial]:
    plan = Plan(comparison.problem_class, bench.seed, _STRATEGY, 1, comparison.trials)
    session = peer_named(_STRATEGY).start(bench, plan.budget, bench.seed)
    return list(played(bench, session, plan, lambda _seconds: None))


def verdicts_on(
    bench: BenchProblem, trials: Sequence[FinishedTrial], repeats: int
) -> dict[tuple[str, int], Verdict]:
    """Return the verdicts on one search by rule and number of trials."""
    found = {}
    for fewer in _FEWER:
        count = len(trials) - fewer
        for name, rule in RULES.items():
            verdict = judge(rule, bench, trials[:count], repeats)
            if verdict is not None:
                found[name, count] = verdict
    return found


def table_of(verdicts: Verdicts) -> str:
    """Return a row for each rule and number of trials, compared in pairs with what tunings do."""
    most = max((trials for _, trials in verdicts), default=0)
    usual = verdicts.get((IN_TURN, most), {})
    body = [
        _row(name, trials, own, usual)
        for (name, trials), own in sorted(verdicts.items(), key=lambda item: -item[0][1])
    ]
    head = (
        *("rule", "trials", "confirmations", "regret", "difference"),
        *("truly feasible", "no answer"),
    )
    return as_markdown(head, body)


def _row(
    name: str, trials: int, own: Mapping[int, Verdict], usual: Mapping[int, Verdict]
) -> list[str]:
    seeds = [seed for seed in own if seed in usual]
    differences = [own[seed].regret - usual[seed].regret for seed in seeds]
    paired = estimate({"": differences})
    return [
        name,
        str(trials),
        f"{fmean(own[seed].measurements for seed in seeds):.2f}",
        f"{fmean(own[seed].regret for seed in seeds):.4f}",
        f"{paired.mean:+.4f} [{paired.low:+.4f}, {paired.high:+.4f}]",
        f"{fmean(own[seed].truly_feasible for seed in seeds):.3f}",
        f"{1 - fmean(own[seed].answered for seed in seeds):.3f}",
    ]

"""Ways to spend confirmations, compared on what is known in truth.

A search has ended, and its feasible trials stand in the order of their measurements, some of which
were lucky. A rule measures some of them again, with fresh noise, and answers with one that was
feasible as often as confirmations are wanted. `IN_TURN` is what tunings do (`state/confirm.py`);
the others look for the best mean instead, in the words of best-arm identification.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from statistics import fmean

from deploytune.bench.search.chance import chance
from deploytune.bench.search.problems import BenchProblem
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial
from deploytune.search.ranking import loss_of
from deploytune.search.violations import violation_of
from deploytune.state.confirm import MAX_CANDIDATES

WANTED = 3
"""Confirmations of an answer: the default of `budget.confirmations`."""


@dataclass
class Shortlist:
    """The best feasible trials of a search, best first, which can be measured again."""

    bench: BenchProblem
    trials: Sequence[FinishedTrial]
    rng: Random
    measurements: int = 0
    means: dict[int, float] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    out: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, bench: BenchProblem, trials: Sequence[FinishedTrial], rng: Random) -> Shortlist:
        """Return the candidates of a finished search, ranked as a tuning ranks them."""
        feasible = [t for t in trials if t.is_feasible and loss_of(bench.problem, t) is not None]
        ranked = sorted(feasible, key=lambda trial: _rank(bench, trial))
        return cls(bench, ranked[:MAX_CANDIDATES], rng)

    @property
    def standing(self) -> list[int]:
        """The places of those that no measurement has put out."""
        return [place for place in range(len(self.trials)) if place not in self.out]

    def count(self, place: int) -> int:
        """Return how often one was measured again."""
        return self.counts.get(place, 0)

    def loss(self, place: int) -> float:
        """Return the mean of its fresh measurements; without any, what the search measured."""
        first = loss_of(self.bench.problem, self.trials[place])
        assert first is not None, "candidates have an objective"
        return self.means.get(place, first)

    def measure(self, place: int) -> None:
        """Measure one again; it is out if it is not feasible."""
        trial = self.trials[place]
        ending = self.bench.system.outcome(trial.parameters, self.rng)
        self.measurements += 1
        again = FinishedTrial(trial.index, trial.parameters, ending.kind, ending.metrics)
        loss = loss_of(self.bench.problem, again)
        if ending.kind is not OutcomeKind.FEASIBLE or loss is None:
            self.out.add(place)
            return
        count = self.count(place)
        self.means[place] = (self.means.get(place, 0.0) * count + loss) / (count + 1)
        self.counts[place] = count + 1


Rule = Callable[[Shortlist], int | None]
"""Measures what it wants, and returns the place of its answer, None if none stands."""


def in_turn(shortlist: Shortlist, wanted: int = WANTED) -> int | None:
    """Confirm the best; only where a confirmation is not feasible, the next best."""
    while shortlist.standing:
        first = shortlist.standing[0]
        if shortlist.count(first) >= wanted:
            return first
        shortlist.measure(first)
    return None


def best_mean(
    shortlist: Shortlist, contenders: int, *, each_once: bool, wanted: int = WANTED
) -> int | None:
    """Confirm who leads by the mean of fresh measurements, until it has as many as are wanted.

    Whoever has none yet counts as the search measured it, while there are fewer contenders than
    allowed. With `each_once` all contenders are measured before anybody leads.
    """
    while shortlist.standing:
        begun = [place for place in shortlist.standing if shortlist.count(place)]
        others = [place for place in shortlist.standing if not shortlist.count(place)]
        entrants = others[: max(0, contenders - len(begun))]
        leader = min([*begun, *entrants], key=shortlist.loss)
        if each_once and entrants:
            leader = entrants[0]
        if shortlist.count(leader) >= wanted:
            return leader
        shortlist.measure(leader)
    return None


IN_TURN = "in turn"
RULES: dict[str, Rule] = {
    IN_TURN: in_turn,
    "in turn, 4 each": partial(in_turn, wanted=4),
    "in turn, 6 each": partial(in_turn, wanted=6),
    "best mean of 2, when overtaken": partial(best_mean, contenders=2, each_once=False),
    "best mean of 3, when overtaken": partial(best_mean, contenders=3, each_once=False),
    "best mean of 2, each once": partial(best_mean, contenders=2, each_once=True),
    "best mean of 3, each once": partial(best_mean, contenders=3, each_once=True),
}


@dataclass(frozen=True)
class Verdict:
    """What a rule came to, averaged over repeats: without an answer, regret is 1."""

    regret: float
    answered: float
    truly_feasible: float
    measurements: float


def judge(
    rule: Rule, bench: BenchProblem, trials: Sequence[FinishedTrial], repeats: int
) -> Verdict | None:
    """Return the verdict on one search; None without candidates. Every rule meets equal noise."""
    verdicts = []
    for repeat in range(repeats):
        noise = chance("confirming", bench.problem_class, bench.seed, repeat)
        shortlist = Shortlist.of(bench, trials, noise)
        if not shortlist.standing:
            return None
        verdicts.append(_verdict(shortlist, rule(shortlist)))
    return Verdict(
        fmean(one.regret for one in verdicts),
        fmean(one.answered for one in verdicts),
        fmean(one.truly_feasible for one in verdicts),
        fmean(one.measurements for one in verdicts),
    )


def _verdict(shortlist: Shortlist, answer: int | None) -> Verdict:
    spent = float(shortlist.measurements)
    if answer is None:
        return Verdict(1.0, 0.0, 0.0, spent)
    bench = shortlist.bench
    truth = bench.system.truth(shortlist.trials[answer].parameters)
    if not truth.feasible or truth.loss is None or bench.answer is None:
        return Verdict(1.0, 1.0, 0.0, spent)
    return Verdict(bench.answer.regret(truth.loss), 1.0, 1.0, spent)


def _rank(bench: BenchProblem, trial: FinishedTrial) -> tuple[float, float]:
    loss = loss_of(bench.problem, trial)
    assert loss is not None, "candidates have an objective"
    excesses = violation_of(bench.problem.constraints, trial.outcome, trial.metrics).excesses
    return loss, max(excesses, default=0.0)

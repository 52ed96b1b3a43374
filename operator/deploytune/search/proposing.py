"""The next proposal: the defaults first, then the given configurations, then the strategy.

The same problem, knowledge and index give the same proposal in any process. No strategy has to
remember what was tried: what is excluded, tried, in flight or abandoned is passed over here, and
after a few such proposals an untried configuration is drawn instead.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from itertools import islice

from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.search.proposals import Proposal, SearchStage
from deploytune.search.seeds import Draw
from deploytune.search.space import Key
from deploytune.search.stopping import stop_reason
from deploytune.search.strategies import strategy_for

_PASSED_OVER = 7
_Tried = AbstractSet[Key]


def next_proposal(problem: Problem, knowledge: Knowledge, index: int) -> Proposal | None:
    """Return what to try as trial `index`, or None when nothing more is to be proposed now.

    Raises:
        InvalidTuningError: the algorithm's name or settings are wrong.
        MachineError: the algorithm needs a package that is not installed.
    """
    if stop_reason(problem, knowledge) is not None:
        return None
    tried = knowledge.tried(problem.space)
    for source in _SOURCES:
        proposal = source(problem, knowledge, index, tried)
        if proposal is not None:
            return proposal
    return None


def _baseline(
    problem: Problem, _knowledge: Knowledge, _index: int, tried: _Tried
) -> Proposal | None:
    defaults = problem.space.defaults()
    if defaults is None or problem.space.key(defaults) in tried:
        return None
    return Proposal(defaults, "Defaults", SearchStage.EXPLORING, is_baseline=True)


def _initial(
    problem: Problem, _knowledge: Knowledge, _index: int, tried: _Tried
) -> Proposal | None:
    for place, configuration in enumerate(problem.initial):
        if problem.space.key(configuration) not in tried:
            parameters = problem.space.normalised(configuration)
            return Proposal(parameters, "Initial", SearchStage.EXPLORING, {"initial": place})
    return None


def _from_strategy(
    problem: Problem, knowledge: Knowledge, index: int, tried: _Tried
) -> Proposal | None:
    space = problem.space
    draw = Draw(problem.algorithm.seed, index)
    proposals = strategy_for(problem.algorithm).propose(problem, knowledge, draw)
    for proposal in islice(proposals, _PASSED_OVER + 1):
        if space.is_valid(proposal.parameters) and space.key(proposal.parameters) not in tried:
            return proposal
    return None


def _untried(problem: Problem, _knowledge: Knowledge, index: int, tried: _Tried) -> Proposal | None:
    rng = Draw(problem.algorithm.seed, index).rng("untried")
    parameters = problem.space.sample(rng, without=tried)
    if parameters is None:
        return None
    why = {"insteadOf": problem.algorithm.name}
    return Proposal(parameters, "Untried", SearchStage.EXPLORING, why)


_SOURCES: tuple[Callable[[Problem, Knowledge, int, _Tried], Proposal | None], ...] = (
    _baseline,
    _initial,
    _from_strategy,
    _untried,
)

"""The next proposal: the defaults first, then the given configurations, then the strategy.

The same problem, knowledge and index give the same proposal in any process. No strategy has to
remember what was tried: what is excluded, tried, in flight or abandoned is passed over here, and
after a few such proposals an untried configuration is drawn instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from itertools import islice

from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import Scalar
from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.search.proposals import Proposal, SearchStage
from deploytune.search.seeds import Draw
from deploytune.search.space import Key
from deploytune.search.stopping import stop_reason
from deploytune.search.strategies import strategy_for
from deploytune.search.strategies.strategy import Strategy

_PASSED_OVER = 7
_Tried = AbstractSet[Key]


def next_proposal(
    problem: Problem,
    knowledge: Knowledge,
    index: int,
    not_now: tuple[Mapping[str, Scalar], ...] = (),
    *,
    strategy: Strategy | None = None,
) -> Proposal | None:
    """Return what to try as trial `index`, or None when nothing more is to be proposed now.

    `not_now` holds partial assignments that cannot be tried at the moment: full node pools.
    `strategy` takes the place of the one that the problem's algorithm names.

    Raises:
        InvalidTuningError: the algorithm's name or settings are wrong.
        MachineError: the algorithm needs a package that is not installed.
    """
    if stop_reason(problem, knowledge) is not None:
        return None
    possible = _without(problem, not_now) if not_now else problem
    if possible is None:
        return None
    tried = knowledge.tried(problem.space)
    for source in (_baseline, _initial, partial(_from_strategy, strategy), _untried):
        proposal = source(possible, knowledge, index, tried)
        if proposal is not None:
            return proposal
    return None


def _without(problem: Problem, not_now: tuple[Mapping[str, Scalar], ...]) -> Problem | None:
    """Return the problem with more excluded, None if nothing would be left."""
    try:
        space = replace(problem.space, exclude=(*problem.space.exclude, *not_now))
    except InvalidTuningError:
        return None
    initial = tuple(one for one in problem.initial if space.is_valid(one))
    return replace(problem, space=space, initial=initial)


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
    strategy: Strategy | None, problem: Problem, knowledge: Knowledge, index: int, tried: _Tried
) -> Proposal | None:
    space = problem.space
    draw = Draw(problem.algorithm.seed, index)
    asked = strategy_for(problem.algorithm) if strategy is None else strategy
    proposals = asked.propose(problem, knowledge.within(space), draw)
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

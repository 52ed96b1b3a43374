"""Searches with a part switched off, by names like `tba:no-quota`: what does each part bring?

They are peers like any other: run, tables and paired differences work on them. Two leave the search
alone and change what it meets: under `no-timeouts` no trial is aborted early, under
`early-timeouts` many are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

from deploytune.bench.search.landscapes.landscape import Landscape
from deploytune.bench.search.peers.own import own_peer
from deploytune.bench.search.peers.paper_parts import VARIANTS, PaperVariant
from deploytune.bench.search.peers.port import Peer, Session
from deploytune.bench.search.problems import BenchProblem
from deploytune.contract.errors import InvalidTuningError
from deploytune.search.problem import Algorithm
from deploytune.search.strategies.tba_paper import PUBLISHED, Policy

PAPER, DEFAULT = "tba-paper", "tba"
_PAPER, _DEFAULT = Algorithm("TBA", preset="Paper"), Algorithm("TBA")
_TIMEOUTS = {
    "no-timeouts": ("no trial is aborted early: it runs to its end and costs all", math.inf),
    "early-timeouts": ("a trial is aborted beyond twice its limit of latency, not five times", 2.0),
}

_SUMMARIES = {
    "no-quota": "no family gets a trial that the models do not want",
    "no-curiosity": "nothing is added for not knowing",
    "no-hint": "the objective does not count before the first feasible trial",
    "labels": "feasible or not is all that is learnt of limits: no margins",
    "feasible-objective": "the objective is learnt from feasible trials alone",
    "no-triples": "likeness is by values and pairs of values",
    "no-pairs": "likeness is by values alone",
    "no-expected": "nothing is expected of margins and objective before trials show it",
    "even-odds": "a configuration is as likely to run as not, before trials show it",
    "equal-parameters": "no parameter matters more than the others before trials show it",
    "fixed-weights": "how much each parameter matters is not learnt",
    "no-moves": "candidates are drawn from the whole space alone",
    "hot": "the temperature stays at 1",
    "cold": "the temperature is 0 from the start",
}


def _aborted_at(factor: float, bench: BenchProblem) -> BenchProblem:
    if not isinstance(bench.system, Landscape):
        return bench
    return replace(bench, system=replace(bench.system, abort_factor=factor))


def _of_paper(name: str, variant: PaperVariant) -> Peer:
    return own_peer(
        f"{PAPER}:{name}",
        variant.summary,
        _PAPER,
        looks_at_budget=True,
        strategy=variant.strategy,
    )


def _of_default(name: str, summary: str) -> Peer:
    whole = own_peer(f"{DEFAULT}:{name}", summary, _DEFAULT, looks_at_budget=True)
    return replace(whole, start=partial(_start_without, name, whole))


def _start_without(name: str, whole: Peer, bench: BenchProblem, budget: int, seed: int) -> Session:
    # Needs scipy, which only a run of TBA has to have.
    from deploytune.bench.search.peers.substitution import SubstitutedSession
    from deploytune.bench.search.peers.tba_parts import CHANGES

    return SubstitutedSession(whole.start(bench, budget, seed), CHANGES[name])


def _with_timeouts(name: str, timeouts: str, algorithm: Algorithm) -> Peer:
    summary, factor = _TIMEOUTS[timeouts]
    peer = own_peer(f"{name}:{timeouts}", summary, algorithm, looks_at_budget=True)
    return replace(peer, meets=partial(_aborted_at, factor))


_ALL = (
    *(_of_paper(name, variant) for name, variant in VARIANTS.items()),
    *(_with_timeouts(PAPER, timeouts, _PAPER) for timeouts in _TIMEOUTS),
    *(_of_default(name, summary) for name, summary in _SUMMARIES.items()),
    *(_with_timeouts(DEFAULT, timeouts, _DEFAULT) for timeouts in _TIMEOUTS),
)

ABLATIONS = {peer.name: peer for peer in _ALL}
"""Every ablation by name."""

_POLICIES = {
    PAPER: PUBLISHED,
    **{f"{PAPER}:{timeouts}": PUBLISHED for timeouts in _TIMEOUTS},
    **{f"{PAPER}:{name}": variant.policy for name, variant in VARIANTS.items()},
}


def policy_of(strategy: str) -> Policy:
    """Return the policy of the published method, or of one of its ablations.

    Raises:
        InvalidTuningError: the strategy is another one.
    """
    policy = _POLICIES.get(strategy)
    if policy is None:
        raise InvalidTuningError("strategies", f"must be among {', '.join(_POLICIES)}", strategy)
    return policy

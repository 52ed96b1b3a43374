"""Hyperopt's TPE with its defaults (the first twenty trials are random), through its trials object.

Conditional parameters sit in the branches of a choice. Hyperopt knows no constraints, and its TPE
takes no notice of failed trials: it gets the penalised loss for all, which is the kinder way.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from deploytune.bench.search.peers.installed import check_installed
from deploytune.bench.search.peers.penalties import penalised
from deploytune.bench.search.peers.port import Peer
from deploytune.bench.search.problems import BenchProblem
from deploytune.contract.models import Scalar
from deploytune.search.history import FinishedTrial, Parameters
from deploytune.search.seeds import stable_seed
from deploytune.search.space import Configuration, Space


def hyperopt_peer(name: str) -> Peer:
    """Return Hyperopt as a peer."""
    return Peer(name, "Hyperopt's TPE", HyperoptSession, check=partial(check_installed, name, name))


class HyperoptSession:
    """A domain that is never evaluated, and the trials that are told."""

    def __init__(self, bench: BenchProblem, _budget: int, seed: int) -> None:
        from hyperopt import Trials
        from hyperopt.base import Domain

        self._problem, self._seed = bench.problem, seed
        self._domain = Domain(float, _tree(bench.problem.space))
        self._trials = Trials()
        self._documents: dict[int, Any] = {}

    def ask(self, index: int) -> Parameters:
        """Let TPE suggest, and keep the document of the trial."""
        from hyperopt import JOB_STATE_RUNNING, tpe

        ids = self._trials.new_trial_ids(1)
        seed = stable_seed(self._seed, index, "hyperopt") % 2**31
        suggested = tpe.suggest(ids, self._domain, self._trials, seed)
        suggested[0]["state"] = JOB_STATE_RUNNING
        self._trials.insert_trial_docs(suggested)
        self._trials.refresh()
        self._documents[index] = self._trials.trials[-1]
        drawn = {name: one[0] for name, one in suggested[0]["misc"]["vals"].items() if one}
        return _configuration(self._problem.space, drawn)

    def tell(self, trial: FinishedTrial) -> None:
        """Write the result into the document."""
        from hyperopt import JOB_STATE_DONE, STATUS_OK

        document = self._documents.pop(trial.index)
        document["state"] = JOB_STATE_DONE
        document["result"] = {"loss": penalised(self._problem, trial), "status": STATUS_OK}
        self._trials.refresh()


def _tree(space: Space) -> Any:
    """Return the space as nested choices; a parameter hangs below the first of its conditions."""
    from hyperopt import hp

    nodes: dict[str, Any] = {}
    for parameter in reversed(space.activation_order):
        if parameter.is_numeric:
            nodes[parameter.name] = hp.uniform(parameter.name, 0.0, 1.0)  # along its scale
            continue
        levels = [parameter.level(place) for place in range(parameter.count or 0)]
        branches = [_children(space, nodes, parameter.name, level) for level in levels]
        nodes[parameter.name] = hp.choice(parameter.name, branches)
    return [nodes[parameter.name] for parameter in space.parameters if not parameter.when]


def _children(space: Space, nodes: dict[str, Any], name: str, level: Scalar) -> list[Any]:
    return [
        nodes[child.name]
        for child in space.parameters
        if next(iter(child.when), None) == name and level in child.when[name]
    ]


def _configuration(space: Space, drawn: dict[str, Any]) -> Configuration:
    chosen: Configuration = {}
    for parameter in space.activation_order:
        if space.is_active(parameter, chosen):
            one = drawn[parameter.name]
            numeric = parameter.is_numeric
            chosen[parameter.name] = (
                parameter.at(float(one)) if numeric else parameter.level(int(one))
            )
    return space.normalised(chosen)

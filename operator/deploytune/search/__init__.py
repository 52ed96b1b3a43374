"""The search: what to try next, as a pure function of what is known.

    problem = deploytune.api.load_problem(mapping)
    tuner = AskTell(problem)
    candidate = tuner.ask()
    tuner.tell(candidate, "Feasible", metrics={"latency": 3.2}, seconds=12.0)

No Kubernetes word, no clock, no input or output; every strategy is a function of (problem, finished
history, trials in flight, index). What a strategy of your own needs is here too
(operator/docs/strategies.md).
"""

from __future__ import annotations

from deploytune.search.asktell import AskTell, Candidate
from deploytune.search.history import FinishedTrial, InFlight, Knowledge
from deploytune.search.problem import Algorithm, Constraint, Objective, Problem
from deploytune.search.proposals import Proposal, SearchStage
from deploytune.search.ranking import best_feasible
from deploytune.search.seeds import Draw
from deploytune.search.space import Parameter, ParameterType, Scale, Space
from deploytune.search.strategies.strategy import Strategy

__all__ = [
    "Algorithm",
    "AskTell",
    "Candidate",
    "Constraint",
    "Draw",
    "FinishedTrial",
    "InFlight",
    "Knowledge",
    "Objective",
    "Parameter",
    "ParameterType",
    "Problem",
    "Proposal",
    "Scale",
    "SearchStage",
    "Space",
    "Strategy",
    "best_feasible",
]

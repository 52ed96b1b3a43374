"""The search: what to try next, as a pure function of what is known.

    problem = deploytune.api.load_problem(mapping)
    tuner = AskTell(problem)
    candidate = tuner.ask()
    tuner.tell(candidate, "Feasible", metrics={"latency": 3.2}, seconds=12.0)

No Kubernetes word, no clock, no input or output; every strategy is a function of (problem, finished
history, trials in flight, index).
"""

from __future__ import annotations

from deploytune.search.asktell import AskTell, Candidate
from deploytune.search.problem import Constraint, Objective, Problem

__all__ = ["AskTell", "Candidate", "Constraint", "Objective", "Problem"]

"""Run in another process: print what every strategy proposes, as JSON."""

from __future__ import annotations

import json

from search_builders import EVERY_STRATEGY, a_history, a_problem

from deploytune.search.proposing import next_proposal


def proposals_as_json() -> str:
    proposed = {}
    for name, algorithm in EVERY_STRATEGY.items():
        problem = a_problem(algorithm=algorithm)
        for trials in (0, 7, 30):
            proposal = next_proposal(problem, a_history(problem, trials), trials)
            assert proposal is not None
            proposed[f"{name} after {trials}"] = [dict(proposal.parameters), dict(proposal.why)]
    return json.dumps(proposed, sort_keys=True)


if __name__ == "__main__":
    print(proposals_as_json())  # noqa: T201 - the parent reads it

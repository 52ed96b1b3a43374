"""Say how good the answer is: random configurations for comparison, and the winner measured again.

    python survey.py random [--trials 200]   try random configurations, tell their outcomes and how
                                             many of them the answer beats
    python survey.py winner [--times 5]      measure the winner again, each time in a fresh process

Both read tuning.yaml and the answer that `run` left, and are tunings themselves: interrupted, they
go on where they stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
STATES = HERE / ".deploytune"
ANSWER = STATES / "digits-answer" / "status.yaml"

Document = dict[str, Any]


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("random").add_argument("--trials", type=int, default=200)
    commands.add_parser("winner").add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    tuning = yaml.safe_load((HERE / "tuning.yaml").read_text(encoding="utf-8"))
    best = yaml.safe_load(ANSWER.read_text(encoding="utf-8"))["status"]["best"]
    if options.command == "random":
        survey_random(tuning, best, options.trials)
    else:
        repeat_winner(tuning, best, options.times)


def survey_random(tuning: Document, best: Document, trials: int) -> None:
    """Try random configurations and print a table of outcomes, and the answer's rank."""
    spec = tuning["spec"]
    spec["algorithm"] = {"name": "Random", "seed": 1}
    for parameter in spec["searchSpace"]["parameters"]:
        del parameter["default"]  # without defaults there is no baseline: all are random
    spec["budget"] = {"maxTrials": trials, "confirmations": 0}
    ended = [trial["status"] for trial in run(tuning, "digits-random")]
    print(f"| outcome | of {len(ended)} random configurations |\n|---|---|")
    for name, count in Counter(map(outcome, ended)).most_common():
        print(f"| {name} | {count / len(ended):.1%} |")
    feasible = [accuracy(status["metrics"]) for status in ended if status["outcome"] == "Feasible"]
    mine = best["metrics"]["accuracy"]
    worse = len(ended) - sum(other >= mine for other in feasible)
    equal = sum(other == mine for other in feasible)
    print(f"\nthe answer's accuracy {mine:.4f} is better than {worse / len(ended):.1%} of them,")
    print(f"equal to {equal}, below {sum(other > mine for other in feasible)}")


def repeat_winner(tuning: Document, best: Document, times: int) -> None:
    """Measure the winner again and print how its p95 spreads and how often it is feasible."""
    spec = tuning["spec"]
    spec["searchSpace"] = {
        "parameters": [
            {"name": name, "type": "Categorical", "values": [value], "default": value}
            for name, value in best["parameters"].items()
        ]
    }
    # An infeasible repetition would end the confirmations: limits are taken away and checked here.
    limits = {key_of(limit): limit["max"] for limit in spec.pop("constraints")}
    spec["budget"] = {"maxTrials": 1, "confirmations": times}
    trials = [trial for trial in run(tuning, "digits-winner") if "confirms" in trial["spec"]]
    for key, limit in limits.items():
        values = [trial["status"]["metrics"][key]["value"] for trial in trials]
        kept = sum(value <= limit for value in values)
        print(
            f"{key} of the winner in {times} fresh processes: {min(values):.2f} to "
            f"{max(values):.2f}, limit {limit:g}, kept {kept} times"
        )


def key_of(limit: Document) -> str:
    """Return the key of a limited metric."""
    return f"{limit['metric']}@{limit['load']}" if "load" in limit else str(limit["metric"])


def run(tuning: Document, name: str) -> Iterator[Document]:
    """Run a tuning under a name of its own beside tuning.yaml and yield its TuningTrials."""
    tuning["metadata"]["name"] = name
    path = HERE / f"tuning.{name}.yaml"
    path.write_text(yaml.safe_dump(tuning), encoding="utf-8")
    ended = subprocess.run([sys.executable, "-m", "deploytune.cli", "run", str(path)], check=False)
    if ended.returncode not in (0, 3):
        sys.exit(ended.returncode)
    for record in sorted((STATES / name / "trials").iterdir()):
        yield json.loads(record.read_text(encoding="utf-8"))


def outcome(status: Document) -> str:
    """Return outcome, cause and, for what never came to a measurement, the stage it ended in."""
    words = [status["outcome"], *filter(None, [status.get("cause")])]
    measured = status["outcome"] in ("Feasible", "Infeasible")
    return "/".join(words) + ("" if measured else f" in {status.get('reachedStage')}")


def accuracy(metrics: Document) -> float:
    """Return the accuracy of a trial."""
    return float(metrics["accuracy"]["value"])


if __name__ == "__main__":
    main()

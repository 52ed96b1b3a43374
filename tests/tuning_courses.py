"""What a tuning on the cluster has come to, as tests compare it: its trials and its budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from clusters.kubectl import Kubectl

from deploytune.state.pods.labels import TUNING

Document = Mapping[str, Any]


def trials_of(kubectl: Kubectl, tuning: str = "tune") -> list[dict[str, Any]]:
    """Return the TuningTrials of a tuning by index."""
    found = kubectl.items("tuningtrials", f"--selector={TUNING}={tuning}")
    return sorted(found, key=lambda trial: int(trial["spec"]["index"]))


def course_of(trials: Iterable[Document]) -> list[dict[str, Any]]:
    """Return what was tried, why, and how it ended, without names and times."""
    return [_course_of_one(trial) for trial in trials]


def check_whole(tuning: Document, trials: Iterable[Document], expected: int) -> None:
    """Check that a finished tuning has no gap and nothing twice, and kept to its budget."""
    trials = list(trials)
    completed = [trial["status"]["completionIndex"] for trial in trials]
    assert [*range(expected)] == [trial["spec"]["index"] for trial in trials]
    assert [*range(expected)] == sorted(completed)
    assert all(_attempts_count_up(trial) for trial in trials)
    budget = tuning["spec"]["budget"]
    outcomes = Counter(trial["status"]["outcome"] for trial in trials)
    assert budget["maxTrials"] + budget["confirmations"] == expected
    assert expected == tuning["status"]["trials"]
    assert dict(outcomes) == tuning["status"]["outcomes"]


def _course_of_one(trial: Document) -> dict[str, Any]:
    spec, status = trial["spec"], trial["status"]
    said = ("outcome", "cause", "message", "metrics", "violations", "completionIndex")
    return {
        **{key: value for key, value in spec.items() if key != "tuning"},
        **{key: status.get(key) for key in said},
        "attempts": [(a["attempt"], a["outcome"], a.get("cause")) for a in status["attempts"]],
    }


def _attempts_count_up(trial: Document) -> bool:
    numbers = [attempt["attempt"] for attempt in trial["status"]["attempts"]]
    return numbers == [*range(len(numbers))]

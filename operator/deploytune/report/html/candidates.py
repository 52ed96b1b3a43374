"""Which configurations were measured again before one was believed, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from deploytune.api.trial import Purpose, TuningTrial, trial_name
from deploytune.contract.outcomes import OutcomeKind
from deploytune.report.html.story import Story, measured_value
from deploytune.report.wording import counted, describe_value


def describe_candidates(story: Story) -> Iterator[str]:
    """Yield a sentence for each candidate, in the order in which they were confirmed."""
    confirmed: dict[int, list[TuningTrial]] = {}
    for trial in story.trials:
        if trial.spec.purpose is Purpose.CONFIRM and trial.spec.confirms is not None:
            confirmed.setdefault(trial.spec.confirms, []).append(trial)
    by_index = {trial.spec.index: trial for trial in story.trials}
    for index, confirmations in confirmed.items():
        yield _describe(story, index, by_index.get(index), confirmations)


def _describe(
    story: Story, index: int, searched: TuningTrial | None, confirmations: list[TuningTrial]
) -> str:
    name = trial_name(story.tuning.metadata.name, index)
    value = None if searched is None else measured_value(searched, story.objective)
    figure = "" if value is None else f" ({describe_value(story.objective, value)} in the search)"
    against = [trial for trial in confirmations if _speaks_against(trial)]
    if against:
        ends = ", ".join(f"{trial.metadata.name} was {_verdict(trial)}" for trial in against)
        return f"{name}{figure} was put out: {ends}."
    ended = sum(trial.is_finished for trial in confirmations)
    left = len(confirmations) - ended
    going = f", {left} in flight" if left else ""
    return f"{name}{figure} stood {counted(ended, 'confirmation')}{going}."


def _speaks_against(trial: TuningTrial) -> bool:
    outcome = trial.status.outcome
    return outcome is not None and outcome.policy.told and outcome is not OutcomeKind.FEASIBLE


def _verdict(trial: TuningTrial) -> str:
    cause = trial.status.cause
    return f"{trial.status.outcome}" if cause is None else f"{trial.status.outcome}/{cause}"

"""What the report says first: whether the tuning has ended, and its answer in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploytune.api.conditions import ConditionStatus, ConditionType
from deploytune.api.trial import Purpose
from deploytune.report.answer import answer_sentence, why_stopped
from deploytune.report.html.figures.waste import wasted_share
from deploytune.report.html.story import Story
from deploytune.report.wording import (
    counted,
    describe_parameters,
    describe_percent,
    describe_seconds,
    describe_value,
)
from deploytune.state.timestamps import from_timestamp


@dataclass(frozen=True)
class Headline:
    """The state in a word or two, the sentence, and what is to be mended, if anything is."""

    state: str
    sentence: str
    is_final: bool
    trouble: str | None = None


def headline_of(story: Story) -> Headline:
    """Return what is said first of a tuning."""
    finished = story.status.condition(ConditionType.FINISHED)
    trouble = why_stopped(story.status)
    if finished is not None and finished.status is ConditionStatus.TRUE:
        sentence = answer_sentence(story.tuning, story.status)
        return Headline(f"Finished: {finished.reason}", sentence, True, trouble)
    suspended = story.status.condition(ConditionType.SUSPENDED)
    is_suspended = suspended is not None and suspended.status is ConditionStatus.TRUE
    if is_suspended:
        return Headline("Suspended", f"The search is suspended: {_so_far(story)}", False, trouble)
    return Headline("Not finished", f"The search goes on: {_so_far(story)}", False, trouble)


def facts_of(story: Story) -> Iterator[tuple[str, str]]:
    """Yield the figures of the whole tuning, by name."""
    confirmations = sum(trial.spec.purpose is Purpose.CONFIRM for trial in story.trials)
    yield "trials of the search", _charged(story)
    yield "confirmations", str(confirmations)
    counts = [f"{count} {outcome}" for outcome, count in story.status.outcomes.items()]
    yield "outcomes", ", ".join(counts) or "none yet"
    duration = _duration(story)
    if duration is not None:
        yield "duration", describe_seconds(duration)
    cost = sum(story.cost_of_trial(trial) for trial in story.trials)
    yield story.cost_name, f"{cost:,.0f}".replace(",", " ")
    wasted = wasted_share(story)
    if wasted is not None:
        yield "spent without a feasible result", describe_percent(round(wasted, 3))
    algorithm = story.problem.algorithm
    words = [algorithm.name, algorithm.preset or "", algorithm.sampler or ""]
    yield "search", f"{' '.join(filter(None, words))}, seed {algorithm.seed}"


def _charged(story: Story) -> str:
    """Return how much of the budget is used: what was charged to it, or is in flight."""
    outcomes = [t.status.outcome for t in story.trials if t.spec.purpose is not Purpose.CONFIRM]
    charged = sum(outcome is None or outcome.policy.charged for outcome in outcomes)
    others = len(outcomes) - charged
    more = f" + {others} not charged" if others else ""
    return f"{charged} of at most {story.tuning.spec.budget.max_trials}{more}"


def _so_far(story: Story) -> str:
    running = len(story.trials) - len(story.ended)
    told = f"{counted(len(story.ended), 'trial')} ended, {running} in flight"
    best = story.status.best
    if best is None:
        return f"{told}; nothing feasible yet."
    value = best.metrics.get(story.objective)
    figure = (
        "" if value is None else f", {story.objective} {describe_value(story.objective, value)}"
    )
    return f"{told}. Best so far is {best.trial}{figure}: {describe_parameters(best.parameters)}."


def _duration(story: Story) -> float | None:
    """Return the seconds from start to end; None while one of them is not known."""
    start, end = story.status.start_time, story.status.completion_time
    if start is None or end is None:
        return None
    return (from_timestamp(end) - from_timestamp(start)).total_seconds()

"""Which values the published search had closed, worked out from the trials."""

from __future__ import annotations

from builders import a_finished_trial, a_tuning
from report_builders import a_choice, recorded

from deploytune.api.trial import TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.report.html.closings import Closing, closings_of
from deploytune.report.html.figures.looked import where_it_looked
from deploytune.report.html.story import Story


def a_story_of(*outcomes: tuple[str, bool], preset: str | None = "Paper") -> Story:
    """A trial of a model for each pair: its name, and whether it ran."""
    algorithm = {"name": "TBA", "seed": 1, **({} if preset is None else {"preset": preset})}
    tuning = a_tuning(parameters=[a_choice("model", ["a", "b"])], max_trials=60)
    spec = tuning.spec.replace(algorithm=tuning.spec.algorithm.model_validate(algorithm))
    trials = [a_trial_of(index, *one) for index, one in enumerate(outcomes)]
    return Story.of(recorded(tuning.model_copy(update={"spec": spec}), trials))


def a_trial_of(index: int, model: str, ran: bool) -> TuningTrial:  # noqa: FBT001 - a row
    outcome = OutcomeKind.FEASIBLE if ran else OutcomeKind.CRASHED
    throughput = 1.0 if ran else None
    return a_finished_trial(index, outcome, parameters={"model": model}, throughput=throughput)


CLOSED = (("b", False), ("b", False), ("b", False), ("a", True), ("a", True))


def test_a_value_is_closed_after_three_failures_until_the_record_ends() -> None:
    assert (Closing("model", "b", 3, 5),) == closings_of(a_story_of(*CLOSED))


def test_a_success_opens_it_again() -> None:
    assert (Closing("model", "b", 3, 6),) == closings_of(a_story_of(*CLOSED, ("b", True)))


def test_the_default_search_closes_nothing() -> None:
    assert () == closings_of(a_story_of(*CLOSED, preset=None))


def test_what_was_closed_is_a_bar_over_the_trials_that_it_missed() -> None:
    figure = where_it_looked(a_story_of(*CLOSED))
    assert figure is not None
    bar = next(trace for trace in figure.data if trace["name"] == "closed")
    assert (["model=b"], [3.5], [2]) == (bar["y"], bar["base"], bar["x"])

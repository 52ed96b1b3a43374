"""What the figures of a report show: plain data that plotly takes."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest
from builders import a_configuration, a_finished_trial, a_trial, a_tuning
from report_builders import LATENCY, MEMORY, OBJECTIVE, a_choice, a_record, a_story, recorded

from deploytune.api.trial import AttemptRecord, Purpose
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Measurement
from deploytune.report.html.figures.comparison import comparison
from deploytune.report.html.figures.course import best_so_far, course_over_cost, course_over_trials
from deploytune.report.html.figures.feasibility import feasibility_map, outcome_shares
from deploytune.report.html.figures.figure import Figure, plain
from deploytune.report.html.figures.limits import objective_against_limits
from deploytune.report.html.figures.looked import where_it_looked
from deploytune.report.html.figures.waste import (
    CONFIRMED,
    budget_by_ending,
    budget_by_stage,
    spent_by_ending,
    wasted_share,
)
from deploytune.report.html.sections import sections_of, winner_figure
from deploytune.report.html.story import Story


def a_small_story(*throughputs: float | None, minimised: bool = False) -> Story:
    """A trial for each throughput, in the order of their ends; None crashed."""
    direction = "Minimize" if minimised else "Maximize"
    objective = {"metric": "throughput", "load": "full", "direction": direction}
    trials = [
        a_finished_trial(
            index,
            OutcomeKind.FEASIBLE if throughput is not None else OutcomeKind.CRASHED,
            throughput=throughput,
            seconds=10.0,
            purpose=Purpose.SEARCH if index else Purpose.BASELINE,
        )
        for index, throughput in enumerate(throughputs)
    ]
    return Story.of(recorded(a_tuning(spec={"objectives": [objective]}), trials))


def drawn(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def trace(figure: Figure | None, name: str) -> dict[str, object]:
    return next(each for each in drawn(figure).data if each.get("name") == name)


@pytest.mark.parametrize("trials", [1, 3, 60])
@pytest.mark.parametrize("running", [0, 2])
def test_plotly_takes_every_figure(trials: int, running: int) -> None:
    story = a_story(trials, running=running)
    figures = [figure for section in sections_of(story) for figure in section.figures]
    for figure in [*figures, *filter(None, [winner_figure(story)])]:
        go.Figure(in_colour(figure.as_data()))


def in_colour(value: object) -> object:
    """Replace the style sheet's variables by a colour, as the browser does."""
    if isinstance(value, dict):
        return {key: in_colour(own) for key, own in value.items()}
    if isinstance(value, list):
        return [in_colour(own) for own in value]
    return "#123456" if isinstance(value, str) and value.startswith("var(--") else value


def test_names_of_figures_are_places_of_the_page_and_so_differ() -> None:
    names = [figure.name for section in sections_of(a_story()) for figure in section.figures]
    assert len(set(names)) == len(names)


def test_the_best_so_far_keeps_what_is_better_and_skips_failures() -> None:
    assert best_so_far(a_small_story(None, 5.0, 3.0, None, 8.0)) == [None, 5.0, 5.0, 5.0, 8.0]


def test_the_best_of_what_is_minimised_falls() -> None:
    assert best_so_far(a_small_story(5.0, 8.0, 3.0, minimised=True)) == [5.0, 5.0, 3.0]


def test_the_line_of_the_best_turns_where_it_changes_and_ends_with_the_search() -> None:
    line = trace(course_over_trials(a_small_story(5.0, 3.0, 8.0, 1.0)), "best so far")
    assert ([1.0, 3.0, 4.0], [5.0, 8.0, 8.0]) == (line["x"], line["y"])


def test_costs_are_added_up_in_the_order_of_the_ends() -> None:
    figure = course_over_cost(a_small_story(5.0, 3.0))
    assert [10.0, 20.0] == trace(figure, "Feasible")["x"]
    assert "over seconds of trials" in drawn(figure).title


def test_with_accelerators_costs_are_theirs() -> None:
    figure = course_over_cost(a_story(2))
    assert "over accelerator seconds" in drawn(figure).title
    assert 80.0 == drawn(figure).data[-1]["x"][0]


def test_what_missed_a_limit_is_no_best() -> None:
    missed = a_finished_trial(1, OutcomeKind.INFEASIBLE, throughput=900.0, memory=500.0)
    story = Story.of(recorded(a_tuning(), [a_finished_trial(0, throughput=1.0), missed]))
    assert [1.0, 1.0] == best_so_far(story)


def test_a_course_without_a_measurement_is_not_drawn() -> None:
    assert course_over_trials(a_small_story(None, None)) is None


def test_the_confirmed_winner_ends_the_course_with_its_interval() -> None:
    story = a_story()
    best = story.status.best
    assert best is not None
    star = trace(course_over_trials(story), "winner, confirmed")
    assert [best.metrics[OBJECTIVE]] == star["y"]
    assert {"array": [best.half_widths[OBJECTIVE]]} == star["error_y"]


def test_winner_and_baseline_stand_in_a_row_for_each_metric_that_counts() -> None:
    story = a_story()
    figure = drawn(comparison(story))
    best, baseline = story.status.best, story.status.baseline
    assert best is not None
    assert baseline is not None
    expected = [
        (one, answer.metrics[key])
        for key in (OBJECTIVE, LATENCY, MEMORY)
        for one, answer in (("winner", best), ("baseline", baseline))
    ]
    assert expected == [(each["y"][0], each["x"][0]) for each in figure.data]


def test_the_limit_is_drawn_and_the_side_beyond_it_shaded() -> None:
    figure = drawn(comparison(a_story()))
    lines = [shape["x0"] for shape in figure.layout["shapes"] if shape["type"] == "line"]
    shades = [shape for shape in figure.layout["shapes"] if shape["type"] == "rect"]
    assert [20.0, 300.0] == lines
    assert all(shade["x1"] > shade["x0"] for shade in shades)


def test_of_a_lower_limit_the_lower_side_is_shaded() -> None:
    limit = {"metric": "throughput", "load": "full", "min": 50}
    figure = drawn(comparison(a_story(spec={"constraints": [limit]})))
    (shade,) = [shape for shape in figure.layout["shapes"] if shape["type"] == "rect"]
    assert shade["x1"] < shade["x0"] == 50.0


def test_without_a_winner_there_is_no_comparison() -> None:
    assert comparison(a_small_story(None)) is None


def test_each_limited_metric_is_drawn_against_the_objective_with_its_limit() -> None:
    latency, memory = objective_against_limits(a_story())
    assert (LATENCY, MEMORY) == (
        latency.layout["xaxis"]["title"]["text"],
        memory.layout["xaxis"]["title"]["text"],
    )
    assert 20.0 == next(s["x0"] for s in latency.layout["shapes"] if s["type"] == "line")
    assert "at most 20 ms; missed by" in latency.summary


def test_a_limit_on_the_objective_itself_is_no_plane() -> None:
    limit = {"metric": "throughput", "load": "full", "min": 50}
    assert [] == list(objective_against_limits(a_story(spec={"constraints": [limit]})))


def test_what_lies_far_apart_is_drawn_on_a_logarithmic_axis() -> None:
    changes = {"metrics": {OBJECTIVE: Measurement(value=1.0), LATENCY: Measurement(value=5000.0)}}
    latency = next(objective_against_limits(a_story(10, changed={5: changes})))
    assert "log" == latency.layout["xaxis"]["type"]
    assert latency.layout["xaxis"]["range"][1] < 4  # of logarithms


def test_the_map_has_the_share_of_each_variant() -> None:
    story = a_story()
    figure = drawn(feasibility_map(story))
    (heat,) = figure.data
    own = [
        trial.status.outcome
        for trial in story.searched
        if (trial.spec.parameters["model"], trial.spec.parameters["precision"]) == ("small", "fp16")
    ]
    place = heat["y"].index("small"), heat["x"].index("fp16")
    assert f"{own.count(OutcomeKind.FEASIBLE)}/{len(own)}" == heat["text"][place[0]][place[1]]
    assert ["small", "middle", "large", "crashing"] == heat["y"]
    assert {0.0} == set(heat["z"][heat["y"].index("crashing")])


def test_a_variant_that_was_not_tried_is_an_empty_cell() -> None:
    (heat,) = drawn(feasibility_map(a_story(1))).data
    assert [[1.0, None, None]] == [[1.0 if z is not None else None for z in heat["z"][0]]]
    assert "not tried" in heat["customdata"][0][1]


def test_the_shares_of_outcomes_of_a_value_add_up_to_one() -> None:
    figure = drawn(outcome_shares(a_story()))
    totals = [sum(shares) for shares in zip(*(each["x"] for each in figure.data), strict=True)]
    assert all(total == pytest.approx(1.0) for total in totals)
    crashed = trace(figure, "Crashed")
    at = list(crashed["y"]).index("model=crashing")  # type: ignore[call-overload]
    assert 1.0 == crashed["x"][at]  # type: ignore[index]


def test_a_variant_in_which_a_parameter_is_not_active_has_its_column() -> None:
    space = [
        a_choice("model", ["a", "b"]),
        {**a_choice("precision", ["fp32", "fp16"]), "when": {"model": ["a"]}},
    ]
    trials = [
        a_finished_trial(0, parameters={"model": "a", "precision": "fp32"}),
        a_finished_trial(1, OutcomeKind.CRASHED, parameters={"model": "b"}),
    ]
    story = Story.of(recorded(a_tuning(parameters=space, confirmations=0), trials))
    (heat,) = drawn(feasibility_map(story)).data
    assert ["fp32", "fp16", "-"] == heat["x"]
    assert [[1.0, None, None], [None, None, 0.0]] == heat["z"]


def test_the_pool_is_a_variant_where_there_are_several() -> None:
    pools = [{"name": "a100"}, {"name": "l4"}]
    trials = [
        a_finished_trial(0, pool="a100", parameters=a_configuration()),
        a_finished_trial(1, OutcomeKind.CRASHED, pool="l4", parameters=a_configuration()),
    ]
    story = Story.of(recorded(a_tuning(pools=pools, confirmations=0), trials))
    (heat,) = drawn(feasibility_map(story)).data
    assert (["a100", "l4"], [[1.0], [0.0]]) == (heat["y"], heat["z"])


def test_a_space_without_a_choice_has_no_map() -> None:
    assert feasibility_map(a_small_story(1.0)) is None


def test_the_budget_counts_every_attempt_by_what_it_ended_as() -> None:
    lost = AttemptRecord(
        attempt=0, outcome=OutcomeKind.INFRASTRUCTURE, cause=Cause.DISRUPTED, seconds=30.0
    )
    good = AttemptRecord(attempt=1, outcome=OutcomeKind.FEASIBLE, seconds=10.0)
    trial = a_finished_trial(0)
    trial = trial.model_copy(update={"status": trial.status.replace(attempts=(lost, good))})
    story = Story.of(recorded(a_tuning(), [trial]))
    expected = {
        "Infrastructure/Disrupted": (OutcomeKind.INFRASTRUCTURE, 30.0),
        "Feasible": (OutcomeKind.FEASIBLE, 10.0),
    }
    assert expected == spent_by_ending(story)
    assert 0.75 == wasted_share(story)
    assert "75 % of the seconds of trials" in drawn(budget_by_ending(story)).summary


@pytest.mark.parametrize("outcome", [kind for kind in OutcomeKind if kind.policy.told])
def test_all_that_gave_nothing_feasible_is_waste(outcome: OutcomeKind) -> None:
    trials = [a_finished_trial(0, seconds=30.0), a_finished_trial(1, outcome, seconds=10.0)]
    expected = 0.0 if outcome is OutcomeKind.FEASIBLE else 0.25
    assert expected == wasted_share(Story.of(recorded(a_tuning(confirmations=0), trials)))


def test_confirmations_are_a_cost_of_their_own_and_no_waste() -> None:
    spent = spent_by_ending(a_story())
    assert (OutcomeKind.FEASIBLE, 3 * 40.0) == spent[CONFIRMED]


def test_stages_are_added_up_over_the_trials() -> None:
    (bars,) = drawn(budget_by_stage(a_story(1, confirmed=False))).data
    assert 9.0 == bars["x"][bars["y"].index("Measure")]


def test_nothing_spent_draws_no_budget() -> None:
    story = Story.of(recorded(a_tuning(), [a_trial(0)]))
    assert (None, None) == (budget_by_ending(story), budget_by_stage(story))


def test_a_trial_stands_in_the_row_of_each_of_its_values() -> None:
    story = a_story(1, confirmed=False)
    points = trace(where_it_looked(story), "Feasible")
    assert ([1, 1], ["model=small", "precision=fp32"]) == (points["x"], points["y"])


@pytest.mark.parametrize(
    ("preset", "words"),
    [(None, "TBA closes no part of the space"), ("Paper", "As published, TBA closes a value")],
)
def test_what_the_record_says_of_closed_values_is_said(preset: str | None, words: str) -> None:
    algorithm = {"name": "TBA", **({} if preset is None else {"preset": preset})}
    record = a_record(10)
    spec = record.tuning.spec.replace(
        algorithm=record.tuning.spec.algorithm.model_validate(algorithm)
    )
    changed = record.tuning.model_copy(update={"spec": spec})
    story = Story.of(recorded(changed, record.trials))
    assert words in drawn(where_it_looked(story)).summary


@pytest.mark.parametrize("text", ["<b>x</b>", "<a href='javascript:1'>x</a>", "a & b", "&lt;"])
def test_texts_of_others_are_no_markup_of_plotly(text: str) -> None:
    assert "<" not in plain(text)
    assert plain(text).count("&amp;") == text.count("&")


def test_a_message_that_is_markup_stays_text_in_every_figure() -> None:
    parameters = {"model": "<i>m</i>", "size": 1, "level": 1}
    choice = {
        "name": "model",
        "type": "Categorical",
        "values": ["<i>m</i>", "n"],
        "default": "n",
    }
    numbers = [
        {"name": name, "type": "Integer", "min": 0, "max": 9, "default": 1}
        for name in ("size", "level")
    ]
    trials = [a_finished_trial(index, parameters=parameters) for index in range(3)]
    story = Story.of(recorded(a_tuning(parameters=[choice, *numbers]), trials))
    figures = [figure for section in sections_of(story) for figure in section.figures]
    assert not any("<i>m" in str(figure.data) + str(figure.layout) for figure in figures)

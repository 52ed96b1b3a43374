"""Where the budget went: by what attempts ended as, and by stage."""

from __future__ import annotations

from collections import defaultdict

from deploytune.api.trial import AttemptRecord, Purpose
from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.report.html.figures.figure import COLOURS, Figure, Trace, plain
from deploytune.report.html.story import Story
from deploytune.report.wording import describe_percent, describe_seconds

_ROW_PIXELS = 28
_MARGIN_PIXELS = 90
CONFIRMED = "Confirmations"


def spent_by_ending(story: Story) -> dict[str, tuple[OutcomeKind, float]]:
    """Return what ended attempts cost by outcome and cause, the most first.

    Feasible confirmations are counted apart; others are what they ended as.
    """
    spent: defaultdict[str, float] = defaultdict(float)
    kinds: dict[str, OutcomeKind] = {}
    for trial in story.trials:
        for record in trial.status.attempts:
            name = _ending(record)
            if trial.spec.purpose is Purpose.CONFIRM and record.outcome is OutcomeKind.FEASIBLE:
                name = CONFIRMED
            spent[name] += story.cost_of(record)
            kinds[name] = record.outcome
    most = sorted(spent.items(), key=lambda item: -item[1])
    return {name: (kinds[name], cost) for name, cost in most}


def wasted_share(story: Story) -> float | None:
    """Return the share of the cost that gave nothing feasible; None if nothing was spent."""
    spent = spent_by_ending(story).values()
    total = sum(cost for _, cost in spent)
    wasted = sum(cost for kind, cost in spent if kind is not OutcomeKind.FEASIBLE)
    return wasted / total if total > 0 else None


def budget_by_ending(story: Story) -> Figure | None:
    """Return what the endings cost; None while no attempt has ended."""
    spent = spent_by_ending(story)
    total = sum(cost for _, cost in spent.values())
    wasted = wasted_share(story)
    if wasted is None:
        return None
    trace: Trace = {
        "type": "bar",
        "orientation": "h",
        "y": [plain(name) for name in spent],
        "x": [cost for _, cost in spent.values()],
        "text": [describe_percent(round(cost / total, 3)) for _, cost in spent.values()],
        "customdata": [describe_seconds(cost) for _, cost in spent.values()],
        "hovertemplate": "%{y}: %{customdata}, %{text}<extra></extra>",
        "marker": {"color": [COLOURS[kind] for kind, _ in spent.values()]},
        "textposition": "auto",
        "cliponaxis": False,
    }
    layout = {
        "xaxis": {"title": {"text": story.cost_name}},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    summary = (
        f"{describe_percent(round(wasted, 3))} of the {story.cost_name} went to attempts that gave "
        "no feasible configuration. They taught the search, failures of infrastructure did not."
    )
    height = _MARGIN_PIXELS + _ROW_PIXELS * len(spent)
    return Figure("budget", "By what it ended as", [trace], layout, height, summary)


def budget_by_stage(story: Story) -> Figure | None:
    """Return the seconds of the stages of all trials together; None while none is on record."""
    seconds = {
        stage: sum(trial.status.stage_seconds.get(stage, 0.0) for trial in story.trials)
        for stage in Stage
    }
    total = sum(seconds.values())
    if total <= 0:
        return None
    trace: Trace = {
        "type": "bar",
        "orientation": "h",
        "y": [stage.value for stage in seconds],
        "x": list(seconds.values()),
        "text": [describe_percent(round(spent / total, 3)) for spent in seconds.values()],
        "customdata": [describe_seconds(spent) for spent in seconds.values()],
        "hovertemplate": "%{y}: %{customdata}, %{text}<extra></extra>",
        "marker": {"color": [f"var(--stage-{stage.value})" for stage in seconds]},
        "textposition": "auto",
        "cliponaxis": False,
    }
    layout = {
        "xaxis": {"title": {"text": "seconds of the trials' last attempts"}},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    summary = "Stages as the trials reported them; a trial that never reported is not in here."
    height = _MARGIN_PIXELS + _ROW_PIXELS * len(seconds)
    return Figure("stages", "By stage", [trace], layout, height, summary)


def _ending(record: AttemptRecord) -> str:
    return record.outcome.value if record.cause is None else f"{record.outcome}/{record.cause}"

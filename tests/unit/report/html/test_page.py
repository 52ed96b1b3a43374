"""The page of a report: what it says, that it is whole, and that texts of others stay texts."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from builders import a_finished_trial, a_trial, a_tuning
from report_builders import OBJECTIVE, a_record, a_story, recorded

from deploytune.api.conditions import Reason
from deploytune.api.recorded import RecordedTuning
from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.report.html.bundle import packed, plotly_code
from deploytune.report.html.candidates import describe_candidates
from deploytune.report.html.headline import facts_of, headline_of
from deploytune.report.html.importances import (
    LEAST_TRIALS,
    importance_of_feasibility,
    importance_of_objective,
)
from deploytune.report.html.page import render_report
from deploytune.report.html.story import Story
from deploytune.report.html.structure import structural_parameters
from deploytune.report.html.trial_table import trial_table
from deploytune.state.conditions import Course
from deploytune.state.troubles import Trouble

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOSTILE = "</script><img src=x onerror=alert(1)>"


def a_page(record: RecordedTuning | None = None) -> str:
    return render_report(record or a_record(12), NOW)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'id="packed-data">([^<]*)<', page)
    assert found is not None
    read: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return read


def test_the_answer_stands_first_in_the_sentence_of_the_terminal() -> None:
    record = a_record(12)
    best = Story.of(record).status.best
    assert best is not None
    answer = re.search(r'id="answer">([^<]*)<', a_page(record))
    assert answer is not None
    assert answer[1].startswith(f"Run {best.trial}: model=")
    assert answer[1].endswith("(confirmed in 3 fresh processes).")


def test_every_place_for_a_figure_has_its_data() -> None:
    page = a_page(a_record(60))
    places = re.findall(r'data-figure="([^"]*)"', page)
    assert sorted(places) == sorted(data_of(page)["figures"])
    assert {"comparison", "course-trials", "limit-0", "feasibility", "budget"} < set(places)


def test_nothing_is_fetched_and_only_the_two_scripts_of_the_page_may_run() -> None:
    page = a_page()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1] or "default-src 'none'" in policy[1]
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    for code in (script, plotly_code()):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert digest in policy[1].replace("&#43;", "+").replace("&#61;", "=")
    outside = re.sub(r'id="packed-[^<]*<', "", page)
    assert not re.search(r'(src|href)="(?!data:,)', outside)
    assert "url(" not in outside


def test_the_same_record_gives_the_same_page() -> None:
    assert a_page(a_record(12)) == a_page(a_record(12))


def test_what_is_packed_unpacks() -> None:
    assert "tüne" == gzip.decompress(base64.b64decode(packed("tüne"))).decode()


def test_a_hostile_text_is_a_text_everywhere() -> None:
    changed = {3: {"message": HOSTILE, "outcome": OutcomeKind.CRASHED, "cause": Cause.ERROR}}
    choice = {
        "name": "model",
        "type": "Categorical",
        "values": ["good", HOSTILE],
        "default": "good",
    }
    trials = [
        a_finished_trial(index, parameters={"model": name})
        for index, name in enumerate(["good", HOSTILE])
    ]
    names = Story.of(recorded(a_tuning(parameters=[choice]), trials))
    of_names = a_page(RecordedTuning(names.tuning, names.trials, HOSTILE))
    of_messages = a_page(a_record(6, changed=changed))
    for page in (of_names, of_messages):
        assert "<img" not in page
        assert 3 == page.count("</script>")
    assert "&lt;img src=x onerror=alert(1)&gt;" in of_names
    assert HOSTILE in data_of(of_messages)["whys"]["3"]  # shown by textContent alone


def test_a_running_tuning_says_that_it_goes_on_and_has_its_best_so_far() -> None:
    headline = headline_of(a_story(12, running=2))
    assert "Not finished" == headline.state
    assert headline.sentence.startswith("The search goes on: 12 trials ended, 2 in flight. Best so")
    assert "not confirmed" in a_page(a_record(12, running=2))


def test_a_suspended_tuning_says_so_and_calls_nothing_a_winner() -> None:
    running = a_record(12, running=1)
    record = recorded(running.tuning, running.trials, Course(is_suspended=True))
    page = a_page(record)
    assert "The search is suspended: 12 trials ended, 1 in flight." in page
    assert "The best so far against the baseline" in page
    assert "<th>best so far</th>" in page
    outside = re.sub(
        r'class="winner"|id="winner"|<style>.*?</style>|<script.*', "", page, flags=re.DOTALL
    )
    assert "winner" not in outside
    figures = json.dumps(data_of(page)["figures"]).replace("var(--winner)", "")
    assert "winner" not in figures


def test_without_a_baseline_the_winner_is_set_against_nothing() -> None:
    record = a_record(12)
    assert record.tuning.status is not None
    status = record.tuning.status.model_copy(update={"baseline": None})
    page = a_page(
        RecordedTuning(record.tuning.model_copy(update={"status": status}), record.trials, "here")
    )
    assert "<h2>The winner</h2>" in page
    assert "the baseline was measured once" not in page


def test_a_tuning_of_which_nothing_has_ended_has_a_page_that_says_so() -> None:
    record = recorded(a_tuning(), [a_trial(0)])
    page = a_page(record)
    assert "0 trials ended, 1 in flight; nothing feasible yet." in page
    assert "No trial has come to a measurement of the objective." in page
    assert {} == data_of(page)["figures"]


def test_a_tuning_that_found_nothing_names_the_limit_that_binds() -> None:
    trials = [a_finished_trial(i, OutcomeKind.INFEASIBLE, memory=500.0 + i) for i in range(4)]
    page = a_page(recorded(a_tuning(), trials))
    assert "the limit that binds: server_memory_mib is 500 MiB, limit 200 MiB" in page
    assert 'id="winner"' not in page


def test_what_is_to_be_mended_is_shown() -> None:
    trouble = Trouble(Reason.IMAGE_UNAVAILABLE, "image x cannot be pulled")
    course = Course(degraded_by=(trouble,))
    record = recorded(a_tuning(), [a_trial(0)], course)
    assert "To be mended: " in a_page(record)
    assert "image x cannot be pulled" in a_page(record)


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (None, "must have a trial to report; in state/of/tests it has none yet"),
        (
            Course(Reason.INVALID_SPEC, "spec.a must be b", is_finished=True),
            "it has none yet; InvalidSpec: spec.a must be b",
        ),
    ],
    ids=["not begun", "refused by the operator"],
)
def test_a_tuning_without_a_trial_is_one_line(course: Course | None, words: str) -> None:
    running = Course()
    with pytest.raises(InvalidTuningError, match=re.escape(words)) as raised:
        Story.of(recorded(a_tuning(), [], course or running))
    assert "\n" not in str(raised.value)


def test_a_record_without_an_order_is_refused() -> None:
    trial = a_finished_trial(0)
    broken = trial.model_copy(update={"status": trial.status.replace(completion_index=None)})
    with pytest.raises(InvalidTuningError, match="completionIndex is missing in tune-0"):
        Story.of(RecordedTuning(a_tuning(), (broken,), "here"))


def test_an_installation_without_plotly_says_which_extra_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plotly_code.cache_clear()
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.partition(".")[0] == "plotly"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MachineError, match=r"the package plotly .extra .report"):
        plotly_code()


def test_the_facts_count_the_search_apart_from_confirmations() -> None:
    facts = dict(facts_of(a_story(12)))
    assert ("12 of at most 12", "3") == (facts["trials of the search"], facts["confirmations"])
    assert "accelerator seconds" in facts


def test_a_trial_that_is_charged_to_nothing_is_counted_apart_from_the_budget() -> None:
    lost = {
        3: {"outcome": OutcomeKind.INFRASTRUCTURE},
        5: {"outcome": OutcomeKind.MISCONFIGURED},
    }
    story = a_story(10, running=1, changed=lost)
    assert "9 of at most 11 + 2 not charged" == dict(facts_of(story))["trials of the search"]


def test_a_candidate_that_a_confirmation_put_out_is_told_with_what_spoke_against_it() -> None:
    record = a_record(12)
    confirmations = [t for t in record.trials if t.spec.confirms is not None]
    broken = confirmations[1].status.replace(
        outcome=OutcomeKind.INFEASIBLE, cause=Cause.LIMIT_MISSED
    )
    trials = [
        t.model_copy(update={"status": broken}) if t is confirmations[1] else t
        for t in record.trials
    ]
    (told,) = describe_candidates(Story.of(recorded(record.tuning, trials)))
    assert "in the search) was put out: tune-13 was Infeasible/LimitMissed." in told


def test_a_candidate_that_stands_is_told_with_its_confirmations() -> None:
    (told,) = describe_candidates(a_story(12))
    assert told.endswith("in the search) stood 3 confirmations.")


def test_the_table_has_every_trial_with_figures_to_sort_by() -> None:
    story = a_story(12)
    table = trial_table(story)
    assert len(story.trials) == len(table.rows)
    assert OBJECTIVE == table.headings[2]
    first = table.rows[0]
    assert ("110 inferences/s", 110.0) == (first.cells[2].text, first.cells[2].sorts_as)
    assert 1 == sum(row.is_winner for row in table.rows)


def test_variants_are_what_everybody_knows_before_other_names() -> None:
    names = [parameter.name for parameter in structural_parameters(a_story(1).problem.space)]
    assert ["model", "precision"] == names


def test_importance_takes_enough_trials_and_says_on_how_many_it_stands() -> None:
    few = a_story(LEAST_TRIALS - 1, confirmed=False)
    assert (None, None) == (importance_of_objective(few), importance_of_feasibility(few))
    objective = importance_of_objective(a_story(200))
    assert objective is not None
    measured = [t for t in a_story(200).searched if t.status.metrics]
    assert len(measured) == objective.trials
    assert 0.1 * len(measured) <= objective.better < 0.3 * len(measured)


def test_importance_finds_the_parameters_that_decide() -> None:
    story = a_story(300)
    objective, feasible = importance_of_objective(story), importance_of_feasibility(story)
    assert objective is not None
    assert feasible is not None
    assert {"instances", "model"} == set(sorted(objective.shares, key=objective.shares.get)[-2:])  # type: ignore[arg-type]
    assert "model" == max(feasible.shares, key=feasible.shares.get)  # type: ignore[arg-type]
    assert 1.0 == pytest.approx(sum(objective.shares.values()))


def test_where_importance_is_not_told_the_page_says_why() -> None:
    assert "Not told: it takes 8 measured trials" in a_page(a_record(3))

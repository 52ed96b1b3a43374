"""The report in a real browser, opened from its file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import a_finished_trial, a_trial, a_tuning
from chromium import Browser
from report_builders import a_choice, a_record, recorded
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from deploytune.api.recorded import RecordedTuning
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.report.html.page import render_report

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PHONE, DESK = 375, 1280
PLACES = "[...document.querySelectorAll('[data-figure]')]"
HOSTILE = "</script><img src=x onerror=\"window.hit = 1\"><b onclick='window.hit=1'>bold</b>"

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(record: RecordedTuning | None = None) -> Path:
        page = tmp_path / "report.html"
        record = record or a_record(60)
        page.write_text(render_report(record, datetime(2026, 1, 2, tzinfo=UTC)), encoding="utf-8")
        return page

    return write


@pytest.mark.parametrize("width", [PHONE, DESK], ids=["on a phone", "on a desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_there_without_a_word_on_the_console(
    browser: Browser, written: Written, width: int, scheme: str
) -> None:
    browser.open(written(), width=width, scheme=scheme)
    assert [] == browser.errors()
    assert "tune: deploytune report" == browser.driver.title
    assert browser.ask("document.getElementById('answer').innerText").startswith("Run tune-")
    headings = browser.ask("[...document.querySelectorAll('h2')].map((each) => each.innerText)")
    assert [
        "The winner against the baseline",
        "Measured again before it was believed",
        "How the answer was found",
        "The limits",
        "What is feasible",
        "Where the budget went",
        "When and where the trials ran",
        "Where the search looked",
        "What mattered",
        "All trials",
    ] == headings
    # A plot is drawn: it has marks, and is as wide as its place and no wider than the window.
    marks = ".querySelectorAll('.point, .hm image, .heatmaplayer image').length"
    assert 12 == browser.ask(f"{PLACES}.length")
    assert [] == browser.ask(
        f"{PLACES}.filter((each) => each{marks} === 0).map((e) => e.outerHTML)"
    )
    assert browser.ask("document.documentElement.scrollWidth") <= width


def test_nothing_is_fetched(browser: Browser, written: Written) -> None:
    browser.open(written())
    fetched = browser.ask("performance.getEntriesByType('resource').map((each) => each.name)")
    assert [] == [name for name in fetched if not name.startswith(("data:", "blob:"))]


def test_plots_follow_a_change_of_light(browser: Browser, written: Written) -> None:
    browser.open(written(), scheme="light")
    colour = f"getComputedStyle({PLACES}[1].querySelector('.xtick text')).fill"
    background = "getComputedStyle(document.body).backgroundColor"
    light = browser.ask(colour), browser.ask(background)
    browser.prefer("dark")
    browser.wait(f"{colour} !== '{light[0]}'")
    assert light[1] != browser.ask(background)
    assert [] == browser.errors()


def test_a_point_says_which_trial_it_is(browser: Browser, written: Written) -> None:
    browser.open(written())
    point = browser.driver.find_element(By.CSS_SELECTOR, "[data-figure='course-trials'] .point")
    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
    ActionChains(browser.driver).move_to_element(point).perform()
    label = "[...document.querySelectorAll('.hoverlayer')].map((e) => e.textContent).join('')"
    browser.wait(f"{label} !== ''")
    assert "tune-" in browser.ask(label)


def test_the_table_is_filtered_by_words_and_by_outcome(browser: Browser, written: Written) -> None:
    record = a_record(60)
    browser.open(written(record))
    own = [
        trial
        for trial in record.trials
        if (trial.spec.parameters["model"], trial.spec.parameters["precision"]) == ("small", "int8")
    ]
    browser.driver.find_element(By.ID, "words").send_keys("int8 model=small")
    shown = "[...document.querySelectorAll('.trials tbody tr:not([hidden])')]"
    assert sorted(trial.spec.index for trial in own) == sorted(
        int(index) for index in browser.ask(f"{shown}.map((row) => row.dataset.index)")
    )
    assert f"{len(own)} of 63" == browser.ask("document.getElementById('shown').textContent")
    browser.driver.find_element(By.ID, "words").clear()
    browser.driver.find_element(By.ID, "outcome").send_keys("Crashed")
    assert ["Crashed"] == browser.ask(f"[...new Set({shown}.map((row) => row.dataset.outcome))]")


def test_the_table_is_sorted_by_numbers_and_what_was_not_measured_comes_last(
    browser: Browser, written: Written
) -> None:
    record = a_record(20)
    browser.open(written(record))
    heading = browser.driver.find_element(By.XPATH, "//th/button[text()='throughput@full']")
    values = [
        trial.status.metrics["throughput@full"].value
        for trial in record.trials
        if trial.status.metrics
    ]
    column = "[...document.querySelectorAll('.trials tbody tr')].map((row) => row.cells[3]"
    for reverse in (False, True):
        browser.driver.execute_script("arguments[0].click()", heading)
        figures = browser.ask(f"{column}.dataset.sort)")
        measured = [float(each) for each in figures if each is not None]
        assert sorted(values, reverse=reverse) == measured
        assert [None] * (len(figures) - len(measured)) == figures[len(measured) :]


def test_a_trial_says_why_it_was_tried_and_folds_again(browser: Browser, written: Written) -> None:
    browser.open(written())
    button = browser.driver.find_element(By.CSS_SELECTOR, ".trials tr[data-index='7'] button")
    browser.driver.execute_script("arguments[0].click()", button)
    told = browser.ask("document.querySelector('.why pre').textContent")
    assert "Why it was proposed" in told
    assert "tune-7: trial 7 of tune" in told
    browser.driver.execute_script("arguments[0].click()", button)
    assert browser.ask("document.querySelector('.why') === null")


def test_a_hostile_text_does_nothing_wherever_it_stands(browser: Browser, written: Written) -> None:
    parameters = [a_choice("model", ["good", HOSTILE])]
    trials = [
        a_finished_trial(
            index,
            OutcomeKind.CRASHED if index == 2 else OutcomeKind.FEASIBLE,
            cause=Cause.ERROR if index == 2 else None,
            parameters={"model": name},
        )
        for index, name in enumerate(["good", HOSTILE, HOSTILE])
    ]
    status = trials[2].status.replace(message=HOSTILE)
    trials[2] = trials[2].model_copy(update={"status": status})
    record = recorded(a_tuning(parameters=parameters, confirmations=0), trials)
    browser.open(written(RecordedTuning(record.tuning, record.trials, HOSTILE)))
    for button in browser.driver.find_elements(By.CSS_SELECTOR, ".trials tbody button"):
        browser.driver.execute_script("arguments[0].click()", button)
    assert browser.ask("document.querySelectorAll('.why').length") == 3
    assert browser.ask("window.hit === undefined")
    assert 0 == browser.ask("document.querySelectorAll('img, [onclick], main b').length")
    assert HOSTILE in browser.ask("document.querySelectorAll('.why pre')[2].textContent")
    assert "<img src=x" in browser.ask(
        "document.querySelector('[data-figure=feasibility]').textContent"
    )
    assert [] == browser.errors()


@pytest.mark.parametrize("ended", [0, 6])
def test_a_running_tuning_opens_as_well(browser: Browser, written: Written, ended: int) -> None:
    record = a_record(ended, running=2) if ended else recorded(a_tuning(), [a_trial(0)])
    browser.open(written(record))
    assert [] == browser.errors()
    assert "Not finished" in browser.ask("document.querySelector('h1').innerText")


def test_an_old_browser_shows_the_answer_and_says_what_the_plots_need(
    browser: Browser, written: Written
) -> None:
    page = written()
    with browser.without("DecompressionStream"):
        browser.driver.get(page.as_uri())
        assert browser.ask("document.getElementById('no-plots').innerText").startswith("The plots")
        assert browser.ask("document.getElementById('answer').innerText").startswith("Run tune-")
    assert [] == browser.errors()


def test_a_thousand_trials_open_whole(browser: Browser, written: Written) -> None:
    browser.open(written(a_record(1000)))
    assert [] == browser.errors()
    assert 1003 == browser.ask("document.querySelectorAll('.trials tbody tr').length")

"""`deploytune report`, as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml
from builders import a_tuning
from report_builders import a_record

from deploytune.api.recorded import RecordedTuning
from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.runtime.local.state_directory import StateDirectory

OneLine = Callable[..., str]


def keep(record: RecordedTuning, state: Path) -> Path:
    """Make a state directory of a record."""
    directory = StateDirectory.open(state, record.tuning)
    for trial in record.trials:
        directory.write_trial(trial)
    assert record.tuning.status is not None
    directory.write_status(record.tuning.status)
    directory.close()
    return state


@pytest.fixture
def refusal(refused: OneLine) -> OneLine:
    """Asks, and returns the one line with which it is refused."""
    return partial(refused, "report")


def test_the_report_of_a_run_is_written_where_the_run_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    keep(a_record(12), tmp_path / ".deploytune" / "tune")
    assert ExitCode.ANSWER == main(["report", "tune"])
    assert "wrote report.html\n" == capsys.readouterr().out
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "(confirmed in 3 fresh processes)" in page


def test_a_run_writes_its_report_beside_its_answer(
    tmp_path: Path,
    deterministic_run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "answer"
    deterministic_run(tmp_path / "state", "--output", str(output), max_trials=3, confirmations=1)
    assert f"report: {output / 'report.html'}" == capsys.readouterr().out.splitlines()[-1]
    assert "confirmed in 1 fresh processes" in (output / "report.html").read_text()


def test_a_run_without_plotly_ends_all_the_same_and_says_why_it_has_no_report(
    tmp_path: Path,
    deterministic_run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from deploytune.report.html import bundle

    bundle.plotly_code.cache_clear()
    monkeypatch.setattr(bundle, "find_spec", lambda _: None)
    code = deterministic_run(tmp_path / "state", max_trials=2, confirmations=1)
    assert ExitCode.ANSWER == code
    expected = "no report: a report needs the package plotly (extra [report])"
    assert expected == capsys.readouterr().out.splitlines()[-1]


def test_what_kubectl_wrote_is_enough(tmp_path: Path) -> None:
    record = a_record(6)
    items = []
    for one in (record.tuning, *record.trials):
        item = one.model_dump(mode="json", by_alias=True, exclude_none=True)
        if item["kind"] == "TuningTrial":
            item["metadata"]["ownerReferences"] = [{"uid": "u", "controller": True}]
        else:
            item["metadata"] = {"name": "tune", "uid": "u"}
        items.append(item)
    dump = tmp_path / "dump.yaml"
    dump.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    output = tmp_path / "page.html"
    assert ExitCode.ANSWER == main(["report", "tune", "--dump", str(dump), "-o", str(output)])
    assert f"From {dump}" in output.read_text()


def test_an_existing_report_is_replaced(tmp_path: Path) -> None:
    state = keep(a_record(3), tmp_path / "state")
    output = tmp_path / "page.html"
    output.write_text("old")
    assert ExitCode.ANSWER == main(["report", "tune", "--state", str(state), "-o", str(output)])
    assert "<!doctype html>" in output.read_text()


def test_a_running_tuning_has_a_report_that_says_so(tmp_path: Path) -> None:
    state = keep(a_record(6, running=2), tmp_path / "state")
    output = tmp_path / "page.html"
    assert ExitCode.ANSWER == main(["report", "tune", "--state", str(state), "-o", str(output)])
    assert "Not finished" in output.read_text()


def test_a_tuning_without_a_trial_is_one_line(tmp_path: Path, refusal: OneLine) -> None:
    StateDirectory.open(tmp_path / "state", a_tuning()).close()
    expected = "TUNING: must have a trial to report; in state it has none yet"
    assert refusal("tune", "--state", "state").endswith(expected)


def test_a_damaged_record_is_one_line(tmp_path: Path, refusal: OneLine) -> None:
    state = keep(a_record(3), tmp_path / "state")
    (state / "trials" / "tune-1.json").write_text("{")
    assert "tune-1.json is damaged" in refusal("tune", "--state", "state")


def test_a_tuning_that_breaks_a_rule_is_one_line(tmp_path: Path, refusal: OneLine) -> None:
    record = a_record(3)
    parameters = record.tuning.spec.search_space.parameters
    twice = record.tuning.spec.search_space.replace(parameters=(*parameters, parameters[0]))
    broken = record.tuning.model_copy(
        update={"spec": record.tuning.spec.replace(search_space=twice)}
    )
    keep(RecordedTuning(broken, record.trials, ""), tmp_path / "state")
    assert "searchSpace.parameters" in refusal("tune", "--state", "state")


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("absent/page.html", "the folder absent does not exist"),
        (".", "it is a folder"),
        ("file/page.html", "the folder file does not exist"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, refusal: OneLine, output: str, why: str
) -> None:
    (tmp_path / "file").write_text("")
    keep(a_record(3), tmp_path / "state")
    line = refusal("tune", "--state", "state", "-o", output)
    assert (
        line == f"deploytune: --output: must be a file that can be written ({why}), got {output!r}"
    )


def test_a_disk_that_refuses_leaves_nothing_behind(
    tmp_path: Path, refusal: OneLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(a_record(3), tmp_path / "state")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deploytune.runtime.local.atomic_files.os.fsync", refuse)
    assert "(No space left on device)" in refusal("tune", "--state", "state")


def test_an_unknown_tuning_is_one_line(tmp_path: Path, refusal: OneLine) -> None:
    keep(a_record(3), tmp_path / "state")
    assert "must be a folder in which `deploytune run` keeps trials of other" in refusal(
        "other", "--state", "state"
    )

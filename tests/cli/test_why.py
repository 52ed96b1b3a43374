"""`deploytune why`, as a user meets it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import a_finished_trial, a_trial, a_tuning

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.outcomes import OutcomeKind
from deploytune.runtime.local.state_directory import StateDirectory

OneLine = Callable[..., str]


def keep_trials(state: Path) -> Path:
    """Make a state directory of two trials, one of them finished."""
    directory = StateDirectory.open(state, a_tuning())
    directory.write_trial(a_finished_trial(0))
    directory.write_trial(a_trial(1))
    directory.close()
    return state


@pytest.fixture
def refusal(refused: OneLine) -> OneLine:
    """Asks, and returns the one line with which it is refused."""
    return partial(refused, "why")


def an_unreachable_cluster(path: Path) -> Path:
    cluster = {"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "k", "context": {"cluster": "k", "user": "u"}}
    user = {"name": "u", "user": {"token": "t"}}
    document: dict[str, Any] = {"clusters": [cluster], "contexts": [context], "users": [user]}
    path.write_text(yaml.safe_dump({**document, "current-context": "k"}))
    return path


def test_a_trial_of_a_run_is_explained_where_the_run_was_started(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deterministic_run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`run` and `why` have the same default, so no option is needed."""
    monkeypatch.chdir(tmp_path)
    state = Path(".deploytune", "tune")
    deterministic_run(state, max_trials=3, confirmations=1, algorithm="TPE")
    capsys.readouterr()
    for trial in ("tune-0", "tune-2", "tune-3"):
        assert ExitCode.ANSWER == main(["why", trial])
    printed = capsys.readouterr().out
    assert "The baseline: all defaults" in printed
    assert "Optuna's TPESampler proposed it." in printed
    assert "A confirmation: it measures tune-" in printed
    assert 3 == printed.count("How it ended")


def test_a_state_directory_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = keep_trials(tmp_path / "elsewhere")
    assert ExitCode.ANSWER == main(["why", "tune-1", "--state", str(state)])
    assert "Not ended yet" in capsys.readouterr().out


def test_a_run_that_goes_on_may_be_asked_about_and_is_left_alone(tmp_path: Path) -> None:
    state = keep_trials(tmp_path / "state")
    before = sorted(state.rglob("*"))
    directory = StateDirectory.open(state, a_tuning())
    assert ExitCode.ANSWER == main(["why", "tune-0", "--state", str(state)])
    directory.close()
    assert before == sorted(state.rglob("*"))


@pytest.mark.parametrize("name", ["tune", "tune-", "-1", "tune-01", "../tune-1", "Tune-1", ""])
def test_what_is_no_name_of_a_trial_is_refused(refusal: OneLine, name: str) -> None:
    rule = "must be the name of a trial, <tuning>-<index>, such as digits-7"
    assert refusal("--", name) == f"deploytune: TRIAL: {rule}, got {name!r}"


def test_a_trial_that_is_not_on_record_is_told_which_are(tmp_path: Path, refusal: OneLine) -> None:
    keep_trials(tmp_path / ".deploytune" / "tune")
    expected = "TRIAL: must be in .deploytune/tune (tune-0 to tune-1), got 'tune-7'"
    assert refusal("tune-7").endswith(expected)


def test_a_tuning_without_a_trial_says_so(tmp_path: Path, refusal: OneLine) -> None:
    StateDirectory.open(tmp_path / "state", a_tuning()).close()
    assert "(no trial yet)" in refusal("tune-0", "--state", "state")


@pytest.mark.parametrize("state", ["absent", ".", "file"])
def test_what_is_no_state_directory_is_refused(
    tmp_path: Path, refusal: OneLine, state: str
) -> None:
    (tmp_path / "file").write_text("")
    rule = "must be a folder in which `deploytune run` keeps trials of tune"
    line = refusal("tune-0", "--state", state)
    assert line == f"deploytune: --state: {rule}, got {state!r}"


def test_a_damaged_record_is_named(tmp_path: Path, refusal: OneLine) -> None:
    state = keep_trials(tmp_path / "state")
    (state / "trials" / "tune-0.json").write_text("{}")
    assert "tune-0.json is damaged" in refusal("tune-0", "--state", "state")


def test_records_that_have_gone_are_one_line(tmp_path: Path, refusal: OneLine) -> None:
    state = keep_trials(tmp_path / "state")
    (state / "trials").rename(tmp_path / "kept")
    assert "state/trials cannot be read" in refusal("tune-0", "--state", "state")


@pytest.mark.parametrize("option", ["--cluster", "--namespace", "--kubeconfig", "--context"])
def test_a_state_directory_and_a_cluster_are_not_asked_together(
    refusal: OneLine, option: str
) -> None:
    value = [] if option == "--cluster" else ["x"]
    line = refusal("tune-0", "--state", "state", option, *value)
    assert f"--state: may not be given together with {option}" in line


def test_without_a_state_directory_a_cluster_is_asked(
    tmp_path: Path, refusal: OneLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = str(tmp_path / "no-kubeconfig")
    monkeypatch.setattr("deploytune.runtime.kube.connection.KUBE_CONFIG_DEFAULT_LOCATION", nowhere)
    expected = (
        ".deploytune/tune is not there, and in a cluster: no access to a cluster: "
        f"there is no kubeconfig at {nowhere}"
    )
    assert refusal("tune-0").endswith(expected)


def test_with_an_option_of_a_cluster_it_is_asked_whatever_is_here(
    tmp_path: Path, refusal: OneLine
) -> None:
    keep_trials(tmp_path / ".deploytune" / "tune")
    line = refusal("tune-0", "--kubeconfig", "absent")
    assert line.endswith("no access to a cluster: there is no kubeconfig at absent")


def test_a_cluster_that_cannot_be_reached_is_one_line(tmp_path: Path, refusal: OneLine) -> None:
    kubeconfig = an_unreachable_cluster(tmp_path / "kubeconfig")
    line = refusal("tune-0", "--cluster", "--kubeconfig", str(kubeconfig))
    assert "the API server gave no answer" in line


def test_an_installation_for_one_machine_says_what_a_cluster_needs(
    refusal: OneLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    assert "the package kubernetes is not installed (extra [operator])" in refusal(
        "tune-0", "--cluster"
    )


def a_dump(path: Path, *names: str, outcome: OutcomeKind = OutcomeKind.FEASIBLE) -> Path:
    """Write what kubectl does of tunings, each with a finished trial."""
    items: list[dict[str, Any]] = []
    for name in names:
        tuning = a_tuning().model_dump(mode="json", by_alias=True, exclude_none=True)
        trial = a_finished_trial(0, outcome, name=name).model_dump(
            mode="json", by_alias=True, exclude_none=True
        )
        owner = {"uid": f"of-{name}", "controller": True}
        tuning["metadata"] = {"name": name, "uid": f"of-{name}"}
        trial["metadata"]["ownerReferences"] = [owner]
        items += [tuning, trial]
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    return path


def test_a_file_that_kubectl_wrote_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = a_dump(tmp_path / "dump.yaml", "other", "tune")
    assert ExitCode.ANSWER == main(["why", "tune-0", "--dump", str(dump)])
    assert "How it ended" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "held"), [((), "none"), (("other",), "other"), (("tune", "tune"), "tune, tune")]
)
def test_a_file_without_the_one_tuning_is_refused(
    tmp_path: Path, refusal: OneLine, names: tuple[str, ...], held: str
) -> None:
    a_dump(tmp_path / "dump.yaml", *names)
    line = refusal("tune-0", "--dump", "dump.yaml")
    assert line.endswith(f"--dump: must hold the tuning tune once, dump.yaml holds {held}")


@pytest.mark.parametrize("text", ["- 1", "a: [", "{}", "items: 3", "\x00", "[" * 9000])
def test_a_file_that_kubectl_did_not_write_is_one_line(
    tmp_path: Path, refusal: OneLine, text: str
) -> None:
    (tmp_path / "dump.yaml").write_text(text)
    rule = "must be a file that kubectl wrote with -o yaml or -o json, got 'dump.yaml'"
    assert refusal("tune-0", "--dump", "dump.yaml").endswith(rule)


def test_a_crash_of_a_run_comes_with_its_rule_and_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "crashing.py"
    program.write_text("print('\\x1b[31mit is \\x07broken\\x1b[0m')\nraise SystemExit(7)\n")
    document = a_tuning(max_trials=1).model_dump(mode="json", by_alias=True, exclude_none=True)
    (tmp_path / "tuning.yaml").write_text(yaml.safe_dump(document))
    command = f"{sys.executable} {program}"
    assert ExitCode.NOTHING_FEASIBLE == main(["run", "tuning.yaml", "--trial-command", command])
    capsys.readouterr()
    assert ExitCode.ANSWER == main(["why", "tune-0"])
    printed = capsys.readouterr().out
    assert "Decided by the rule AnythingElse: no other rule explains its end" in printed
    log = Path(".deploytune", "tune", "attempts", "tune-0-0", "log")
    assert printed.endswith(f"The end of its log ({log})\n  it is  broken\n")
    log.unlink()
    assert ExitCode.ANSWER == main(["why", "tune-0"])
    assert "  None: it cannot be read: No such file" in capsys.readouterr().out


def test_a_dump_says_that_it_holds_no_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = a_dump(tmp_path / "dump.yaml", "tune", outcome=OutcomeKind.CRASHED)
    assert ExitCode.ANSWER == main(["why", "tune-0", "--dump", str(dump)])
    assert "  None: a dump of kubectl holds no logs; ask the cluster.\n" in capsys.readouterr().out

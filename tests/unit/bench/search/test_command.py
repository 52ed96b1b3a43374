from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bench_builders import a_plan, a_row
from recording_builders import EVERY, P95, a_heading, a_recording

from deploytune.bench.recording.lines import Results
from deploytune.bench.search.catalogue import SUMMARIES
from deploytune.bench.search.peers import ABLATIONS, PEERS
from deploytune.bench.search.recorded.table import parse_table
from deploytune.bench.search.results import append_rows
from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

Bench = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Bench:
    """Runs the command and returns exit code, output and errors."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = main(["bench", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_list_names_every_strategy_and_class(bench: Bench) -> None:
    code, out, _ = bench("list")
    assert code == ExitCode.ANSWER
    assert all(f"  {name} " in out for name in (*PEERS, *ABLATIONS, *SUMMARIES))


def test_run_appends_rows_and_tables_shows_them(bench: Bench, tmp_path: Path) -> None:
    results = ("--results", tmp_path / "rows.jsonl")
    what = ("--strategies", "random", "--classes", "branin", "--seeds", "0-1", "--budgets", "5")
    assert "2 runs added" in bench("run", *what, *results)[1]
    code, out, _ = bench("tables", "--budgets", "5", "--machine", "a toaster", *results)
    assert code == ExitCode.ANSWER
    assert "a toaster" in out.splitlines()[0]
    assert "| random |" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run --strategies rondom", "got 'rondom'"),
        ("run --strategies random --classes pears", "got 'pears'"),
        ("run --strategies random --seeds 5-3000", "got '5-3000'"),
        ("run --strategies random --seeds 9-5", "seeds: must lie within"),
        ("run --strategies random --seeds few", "seeds: must be FIRST-LAST, got 'few'"),
        ("run --strategies random --budgets 25,many", "budgets: must be whole numbers"),
        ("run --strategies random --in-flight 0", "in-flight: must be 1 to 60"),
        ("run --strategies random --processes 0", "processes: must be at least 1"),
        ("proposals --strategies smac", "strategies: must be among random, tpe, tba-paper, tba"),
        ("proposals --finished 0", "finished: must be at least 1, got 0"),
        ("proposals --proposals 0", "proposals: must be at least 1, got 0"),
        ("closings --strategies tba", "strategies: must be among tba-paper, "),
        ("closings --budget 61", "budgets: must be 1 to 60, got 61"),
        ("tables --results none.jsonl", "none.jsonl: there are no results in it"),
        ("confirm --class pears", "got 'pears'"),
        ("confirm --seeds 5-3000", "got '5-3000'"),
        ("confirm --trials 2", "trials: must be 3 to 60, got 2"),
        ("confirm --repeats 0", "repeats: must be at least 1, got 0"),
        ("plots --results none.jsonl", "none.jsonl: there are no results in it"),
        ("pack --results none.jsonl --table t.json", "none.jsonl: cannot be read"),
        ("record none.yaml", "none.yaml: must be a readable file"),
    ],
)
def test_bad_input_is_one_line_that_names_it(bench: Bench, arguments: str, message: str) -> None:
    code, _, err = bench(*arguments.split())
    assert code == ExitCode.BAD_INPUT
    assert 1 == len(err.splitlines())
    assert message in err


def test_closings_of_the_published_method_are_tables(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = bench("closings", "--classes", "branin", "--seeds", "0-1", "--budget", "12")
    assert code == ExitCode.ANSWER
    assert 3 == out.count("| tba-paper |")


def test_published_plays_both_problems_of_the_paper(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = bench("published", "--strategies", "random", "--seeds", "0", "--budgets", "5")
    assert code == ExitCode.ANSWER
    assert "branin:" in out
    assert "rosenbrock:" in out


def test_proposals_have_a_row_for_each_strategy_after_so_many_trials(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    what = ("--strategies", "random,tba", "--finished", "4,8", "--proposals", "2")
    code, out, _ = bench("proposals", *what)
    assert code == ExitCode.ANSWER
    rows = [line.split(" | ")[:2] for line in out.splitlines()[2:]]
    assert [["| random", "4"], ["| tba", "4"], ["| random", "8"], ["| tba", "8"]] == rows


def test_confirm_prints_a_table_of_rules(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    what = ("--class", "branin", "--seeds", "0", "--trials", "6", "--repeats", "1")
    code, out, _ = bench("confirm", *what)
    assert code == ExitCode.ANSWER
    assert "| in turn | 6 |" in out


def test_a_results_file_that_is_a_folder_is_named(bench: Bench, tmp_path: Path) -> None:
    code, _, err = bench("tables", "--results", tmp_path)
    assert code == ExitCode.BAD_INPUT
    assert f"{tmp_path}: cannot be read" in err


def test_pack_makes_the_table_of_a_recording(bench: Bench, tmp_path: Path) -> None:
    results = Results.open(tmp_path / "recording.jsonl", a_heading())
    for line in a_recording():
        results.append(line)
    table = tmp_path / "folder" / "table.json"
    code, out, _ = bench("pack", "--results", tmp_path / "recording.jsonl", "--table", table)
    assert (ExitCode.ANSWER, f"{table}: 1 KiB\n") == (code, out)
    assert 5.0 == parse_table(table.read_text(), "test").of(EVERY[0])[0].metrics[P95]


def test_a_table_that_is_a_folder_is_named(bench: Bench, tmp_path: Path) -> None:
    results = Results.open(tmp_path / "recording.jsonl", a_heading())
    for line in a_recording():
        results.append(line)
    code, _, err = bench("pack", "--results", tmp_path / "recording.jsonl", "--table", tmp_path)
    assert (ExitCode.BAD_INPUT, True) == (code, f"{tmp_path}: cannot be written" in err)


def test_tables_against_a_strategy_that_there_is_not(bench: Bench, tmp_path: Path) -> None:
    append_rows(tmp_path / "rows.jsonl", [a_row()])
    code, _, err = bench("tables", "--results", tmp_path / "rows.jsonl", "--against", "katib")
    assert (ExitCode.BAD_INPUT, True) == (code, "'katib'" in err)


def test_plots_are_one_file_each(bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="extra [bench]")
    append_rows(tmp_path / "rows.jsonl", [a_row(), a_row(a_plan(seed=1))])
    code, out, _ = bench("plots", "--results", tmp_path / "rows.jsonl", "--folder", tmp_path)
    assert code == ExitCode.ANSWER
    files = [tmp_path / f"{name}-1-in-flight.svg" for name in ("regret", "discovery")]
    assert [str(file) for file in files] == out.splitlines()
    assert all(file.read_text().startswith("<?xml") for file in files)

"""Compare searches on problems whose truth is known: DeployBench."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from deploytune.cli.bench_record import (
    add_pack_arguments,
    add_record_arguments,
    pack_table,
    record_table,
)
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.errors import InvalidTuningError, MachineError

_RESULTS = Path("deploybench.jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    commands = parser.add_subparsers(dest="bench_command", required=True, metavar="WHAT")
    commands.add_parser("list", help="say which strategies and classes there are")
    _add_run(commands.add_parser("run", help="run searches, and append to the results file"))
    _add_tables(commands.add_parser("tables", help="print the results as markdown tables"))
    _add_closings(commands.add_parser("closings", help="say what the published method closed"))
    _add_published(commands.add_parser("published", help="play the paper's budget sweep again"))
    _add_proposals(commands.add_parser("proposals", help="time proposals after many trials"))
    add_record_arguments(
        commands.add_parser(
            "record", help="measure every configuration of a small tuning, for real"
        )
    )
    add_pack_arguments(
        commands.add_parser("pack", help="make the table that a class replays, from a recording")
    )
    _add_plots(commands.add_parser("plots", help="draw regret and discovery over trials"))
    _add_confirm(
        commands.add_parser("confirm", help="compare ways to spend confirmations, under noise")
    )
    _add_measure(
        commands.add_parser("measure", help="judge limits on simulated servers of known laws")
    )


def execute(options: argparse.Namespace) -> ExitCode:
    """Run the sub-command.

    Raises:
        MachineError: numpy is not installed.
    """
    if find_spec("numpy") is None:
        raise MachineError("bench needs the package numpy: pip install 'deploytune[bench]'")
    return _COMMANDS[options.bench_command](options)


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_results(parser)
    parser.add_argument("--strategies", required=True, metavar="NAME,...")
    _add_problems(parser)
    parser.add_argument("--in-flight", default="1", metavar="N,...", help="default: %(default)s")
    parser.add_argument(
        "--budgets",
        default="10,15,25,40,60",
        metavar="N,...",
        help="trials; a strategy that does not look at the budget is run once, with the largest",
    )
    parser.add_argument("--processes", type=int, default=1, metavar="N")


def _add_tables(parser: argparse.ArgumentParser) -> None:
    _add_results(parser)
    parser.add_argument("--budgets", default="25", metavar="N,...", help="default: %(default)s")
    parser.add_argument("--against", metavar="NAME", help="show paired differences to this one")
    parser.add_argument("--machine", metavar="TEXT", help="how the heading calls this machine")


def _add_closings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strategies",
        default="tba-paper",
        metavar="NAME,...",
        help="the published method and its ablations; default: %(default)s",
    )
    _add_problems(parser)
    parser.add_argument("--budget", type=int, default=25, metavar="N", help="default: %(default)s")


def _add_published(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strategies", default="random,optuna-tpe,tba-paper,tba", metavar="NAME,..."
    )
    parser.add_argument("--seeds", default="0-99", metavar="FIRST-LAST", help="default: 0-99")
    parser.add_argument("--budgets", default="10,15,20,25,30,40,50", metavar="N,...")


def _add_proposals(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strategies", default="random,tpe,tba-paper,tba", metavar="NAME,...")
    parser.add_argument("--finished", default="25,200,1000", metavar="N,...", help="trials")
    parser.add_argument("--proposals", type=int, default=40, metavar="N", help="default: 40")


def _add_plots(parser: argparse.ArgumentParser) -> None:
    _add_results(parser)
    parser.add_argument("--folder", type=Path, default=Path(), metavar="FOLDER", help="default: .")
    parser.add_argument("--type", choices=("png", "svg"), default="svg")


def _add_problems(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--classes", metavar="NAME,...", help="default: all")
    parser.add_argument(
        "--seeds",
        default="0-19",
        metavar="FIRST-LAST",
        help="of the problems; default: %(default)s",
    )


def _add_confirm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--class", dest="problem_class", default="noisy", metavar="NAME")
    parser.add_argument("--seeds", default="0-99", metavar="FIRST-LAST", help="default: 0-99")
    parser.add_argument("--trials", type=int, default=25, metavar="N", help="of each search")
    parser.add_argument("--repeats", type=int, default=20, metavar="N", help="of the noise")


def _add_measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("verdicts", "coverage", "generators"))
    parser.add_argument("--repeats", type=int, default=200, metavar="N", help="of each server")
    parser.add_argument("--seed", type=int, default=0, metavar="N")


def _add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--results", type=Path, default=_RESULTS, metavar="FILE", help="default: %(default)s"
    )


def _list(_options: argparse.Namespace) -> ExitCode:
    from deploytune.bench.search.catalogue import SUMMARIES
    from deploytune.bench.search.peers import ABLATIONS, PEERS

    for title, peers in (("strategies", PEERS), ("ablations", ABLATIONS)):
        print(title)
        for peer in peers.values():
            print(f"  {peer.name:28} {peer.summary}")
    print("classes")
    for name, summary in SUMMARIES.items():
        print(f"  {name:28} {summary}")
    return ExitCode.ANSWER


def _run(options: argparse.Namespace) -> ExitCode:
    from deploytune.bench.search.catalogue import SUMMARIES
    from deploytune.bench.search.matrix import Matrix, run_matrix

    matrix = Matrix(
        strategies=_words(options.strategies),
        classes=_words(options.classes) if options.classes else tuple(SUMMARIES),
        seeds=_seeds(options.seeds),
        in_flight=_numbers("in-flight", options.in_flight),
        budgets=_numbers("budgets", options.budgets),
    )
    if options.processes < 1:
        raise InvalidTuningError("processes", "must be at least 1", options.processes)
    played = run_matrix(matrix, options.results, options.processes, _show)
    print(f"{played} runs added to {options.results}")
    return ExitCode.ANSWER


def _tables(options: argparse.Namespace) -> ExitCode:
    from deploytune.bench.search.peers import peer_named
    from deploytune.bench.search.results import read_results
    from deploytune.bench.search.tables import build_tables, heading

    rows = read_results(options.results)
    budgets = _numbers("budgets", options.budgets)
    if options.against is not None:
        peer_named(options.against)
    print(heading(rows, options.machine))
    print()
    print(build_tables(rows, budgets, options.against), end="")
    return ExitCode.ANSWER


def _closings(options: argparse.Namespace) -> ExitCode:
    from deploytune.bench.search.catalogue import SUMMARIES
    from deploytune.bench.search.closing_tables import build_closing_tables
    from deploytune.bench.search.courses import courses_of
    from deploytune.bench.search.matrix import PROBLEMS, Matrix

    matrix = Matrix(
        strategies=_words(options.strategies),
        classes=_words(options.classes) if options.classes else tuple(SUMMARIES),
        seeds=_seeds(options.seeds),
        in_flight=(1,),
        budgets=(options.budget,),
    )
    print(build_closing_tables(courses_of(matrix, Path(PROBLEMS), _show)), end="")
    return ExitCode.ANSWER


def _published(options: argparse.Namespace) -> ExitCode:
    from deploytune.bench.search.matrix import PROBLEMS, Matrix
    from deploytune.bench.search.published_sweep import PUBLISHED, published_sweep

    matrix = Matrix(
        strategies=_words(options.strategies),
        classes=PUBLISHED,
        seeds=_seeds(options.seeds),
        in_flight=(1,),
        budgets=_numbers("budgets", options.budgets),
    )
    print(published_sweep(matrix, Path(PROBLEMS), _show))
    return ExitCode.ANSWER


def _proposals(options: argparse.Namespace) -> ExitCode:
    from deploytune.bench.search.matrix import PROBLEMS
    from deploytune.bench.search.proposal_times import proposal_table

    finished = _numbers("finished", options.finished)
    strategies = _words(options.strategies)
    print(proposal_table(strategies, finished, options.proposals, Path(PROBLEMS)))
    return ExitCode.ANSWER


def _plots(options: argparse.Namespace) -> ExitCode:
    from deploytune.bench.search.plots import draw_plots
    from deploytune.bench.search.results import read_results

    for file in draw_plots(read_results(options.results), options.folder, options.type):
        print(file)
    return ExitCode.ANSWER


def _confirm(options: argparse.Namespace) -> ExitCode:
    from deploytune.bench.search.confirming_table import Comparison, confirming_table

    comparison = Comparison(
        options.problem_class, _seeds(options.seeds), options.trials, options.repeats
    )
    print(confirming_table(comparison, Path("deploybench-problems"), _show))
    return ExitCode.ANSWER


def _measure(options: argparse.Namespace) -> ExitCode:
    from deploytune.bench.measuring.playing import play
    from deploytune.bench.measuring.tables import TABLES

    if options.repeats < 1:
        raise InvalidTuningError("repeats", "must be at least 1", options.repeats)
    rows = play(options.what, f"--repeats={options.repeats}", f"--seed={options.seed}")
    print(TABLES[options.what](list(rows)), end="")
    return ExitCode.ANSWER


def _show(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {of}", end="" if done < of else "\n", file=sys.stderr, flush=True)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",")))


def _numbers(field: str, text: str) -> tuple[int, ...]:
    words = _words(text)
    if not all(word.isdecimal() for word in words):
        raise InvalidTuningError(field, "must be whole numbers, separated by commas", text)
    return tuple(sorted({int(word) for word in words}))


def _seeds(text: str) -> range:
    first, mark, last = text.partition("-")
    if not first.isdecimal() or (mark and not last.isdecimal()):
        raise InvalidTuningError("seeds", "must be FIRST-LAST", text)
    return range(int(first), int(last if mark else first) + 1)


_COMMANDS = {
    "list": _list,
    "run": _run,
    "tables": _tables,
    "closings": _closings,
    "published": _published,
    "proposals": _proposals,
    "plots": _plots,
    "confirm": _confirm,
    "record": record_table,
    "pack": pack_table,
    "measure": _measure,
}

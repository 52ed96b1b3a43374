"""Record a table for DeployBench: every configuration of a small space, measured for real."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.local_trials import (
    add_ports_argument,
    check_stock_trial_runs,
    local_options,
)
from deploytune.cli.tuning_files import add_tuning_arguments, read_tuning, searched
from deploytune.contract.errors import InvalidTuningError, MachineError

if TYPE_CHECKING:
    from deploytune.bench.recording.lines import Line
    from deploytune.contract.models import Scalar

_RESULTS = Path("recording.jsonl")


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bench record`."""
    add_tuning_arguments(parser)
    parser.add_argument(
        "--results", type=Path, default=_RESULTS, metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument(
        "--anchor",
        default="",
        metavar="NAME=VALUE,...",
        help="the configuration that is played again and again; default: the space's defaults",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the order; default: 0")
    parser.add_argument(
        "--repeats",
        type=int,
        default=2,
        metavar="N",
        help="further measurements of what lies near a limit; default: %(default)s",
    )
    parser.add_argument(
        "--near",
        type=float,
        default=0.15,
        metavar="SHARE",
        help="how near, as a share of the limit, for metrics under load, and a tenth of it for "
        "others; default: %(default)s",
    )
    add_ports_argument(parser)


def add_pack_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bench pack`."""
    parser.add_argument(
        "--results", type=Path, default=_RESULTS, metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument("--table", type=Path, required=True, metavar="FILE", help="the table")


def pack_table(options: argparse.Namespace) -> ExitCode:
    """Make the table of a recording that has every configuration.

    Raises:
        MachineError: the results cannot be read, or the table cannot be written.
    """
    from deploytune.bench.recording.lines import read_results
    from deploytune.bench.recording.tabling import build_table

    text = build_table(read_results(options.results))
    try:
        options.table.parent.mkdir(parents=True, exist_ok=True)
        options.table.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{options.table}: cannot be written: {error}") from error
    print(f"{options.table}: {len(text) / 1024:.0f} KiB")
    return ExitCode.ANSWER


def record_table(options: argparse.Namespace) -> ExitCode:
    """Play what the results do not hold yet; Ctrl-C ends it, the same command goes on."""
    from deploytune.api.rules import check_one_machine
    from deploytune.api.translate import problem_of
    from deploytune.bench.recording.circumstances import circumstances_here
    from deploytune.bench.recording.lines import Heading, Results
    from deploytune.bench.recording.recorder import (
        check_recordable,
        forget_interrupted,
        question_of,
        record,
        rounds_of,
    )
    from deploytune.bench.recording.rounds import anchor_of

    tuning = read_tuning(options)
    check_one_machine(tuning)
    check_recordable(tuning)
    if options.trial_command is None:
        check_stock_trial_runs(options.ports)
    space = problem_of(searched(tuning, options).spec).space
    anchor = anchor_of(space, _assignments(options.anchor))
    heading = Heading(question_of(tuning), anchor, options.seed, circumstances_here())
    results = Results.open(options.results, heading)
    rounds = rounds_of(searched(tuning, options), results, options.repeats, options.near)
    state = options.results.with_name(f"{options.results.name}.trials")
    run_options = local_options(options)
    try:
        forget_interrupted(tuning, state, run_options)
        asyncio.run(record(tuning, rounds, results, state, run_options, _tell))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("interrupted; the same command goes on where this one stopped")
        return ExitCode.INTERRUPTED
    shutil.rmtree(state)
    print(f"all is measured: {len(results.lines)} trials in {options.results}")
    return ExitCode.ANSWER


def _assignments(text: str) -> dict[str, Scalar]:
    """Return the values by name; a value is a number where it reads as YAML's."""
    import yaml

    assigned: dict[str, Scalar] = {}
    for word in filter(None, text.split(",")):
        name, mark, value = word.partition("=")
        if not mark:
            raise InvalidTuningError("anchor", "must be NAME=VALUE,...", text)
        assigned[name.strip()] = yaml.safe_load(value)
    return assigned


def _tell(line: Line, done: int, left: int) -> None:
    ended = " ".join(filter(None, (line.outcome, line.cause)))
    values = "/".join(str(value) for value in line.parameters.values())
    figures = ", ".join(
        f"{key} {value:.4g}" for key, value in line.metrics.items() if _is_told(key)
    )
    print(
        f"{done} ({left} left) {line.role} {values}: {ended} {line.seconds:.1f} s {figures}",
        flush=True,
    )


def _is_told(key: str) -> bool:
    return key.startswith(("latency_p95_ms", "accuracy", "server_memory"))

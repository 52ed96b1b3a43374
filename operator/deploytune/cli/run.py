"""Tune a model on this machine: trials as processes, each served through a real Triton."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.local_trials import (
    add_cache_arguments,
    add_ports_argument,
    check_stock_trial_runs,
    local_options,
    with_cache,
)
from deploytune.cli.tuning_files import add_tuning_arguments, default_state, read_tuning
from deploytune.contract.errors import DeploytuneError

if TYPE_CHECKING:
    from rich.console import Console

    from deploytune.api.tuning import DeploymentTuning, TuningStatus
    from deploytune.report.progress import Progress
    from deploytune.runtime.local.trial_environment import LocalOptions
    from deploytune.state.decide import Decision
    from deploytune.state.world import World

_LIVE_HEARTBEAT_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_tuning_arguments(parser)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where trials are kept, so that an interrupted run goes on; "
        "default: .deploytune/NAME beside the tuning",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where the answer goes: status.yaml, report.html and model_repository; default: DIR "
        "of --state with -answer appended",
    )
    add_cache_arguments(parser)
    parser.add_argument("--parallel", type=_at_least_one, metavar="N", help="trials at a time")
    parser.add_argument("--seed", type=int, metavar="N", help="instead of spec.algorithm.seed")
    add_ports_argument(parser)


def execute(options: argparse.Namespace) -> ExitCode:
    """Check everything that needs no trial, tune, and hand over the answer."""
    from deploytune.api.rules import check_one_machine

    tuning = _with_seed(read_tuning(options), options.seed)
    check_one_machine(tuning)
    if options.trial_command is None:
        check_stock_trial_runs(options.ports)
    state: Path = options.state or default_state(options.tuning.parent, tuning.metadata.name)
    output: Path = options.output or state.with_name(f"{state.name}-answer")
    from deploytune.runtime.local.answer_folder import check_place

    check_place(output)
    return _tune(tuning, state, output, options)


def _tune(
    tuning: DeploymentTuning, state: Path, output: Path, options: argparse.Namespace
) -> ExitCode:
    from deploytune.cli.telling import plain_console, tell_answer

    console = plain_console()
    console.print(f"{tuning.metadata.name}: trials in {state}", markup=False, soft_wrap=True)
    try:
        status, repository = asyncio.run(
            _run_interruptibly(tuning, state, _local_options(tuning, state, options), console)
        )
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; the same command goes on where this one stopped")
        return ExitCode.INTERRUPTED
    from deploytune.runtime.local.answer_folder import write_answer

    write_answer(output, tuning, status, repository)
    report = _report(state, output)
    return tell_answer(tuning, status, console, None if repository is None else output, report)


def _report(state: Path, output: Path) -> str:
    """Write the report, and return a line that says where it is, or why there is none."""
    from deploytune.cli.recorded_tunings import of_run
    from deploytune.cli.report import REPORT_FILE, write_report

    try:
        write_report(of_run(state), output / REPORT_FILE)
    except DeploytuneError as error:
        return f"no report: {error}"
    return f"report: {output / REPORT_FILE}"


def _local_options(
    tuning: DeploymentTuning, state: Path, options: argparse.Namespace
) -> LocalOptions:
    chosen = local_options(options, options.parallel)
    beside = state.with_name(f"{state.name}-artefacts")
    return with_cache(chosen, tuning, options, default=beside)


async def _run_interruptibly(
    tuning: DeploymentTuning, state: Path, options: LocalOptions, console: Console
) -> tuple[TuningStatus, Path | None]:
    """Run to the end; SIGTERM ends it like Ctrl-C, with its trials."""
    from deploytune.report.terminal import Display
    from deploytune.runtime.local.adapter import LocalRuntime
    from deploytune.runtime.passes import HEARTBEAT_SECONDS, run_until_finished

    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    heartbeat = _LIVE_HEARTBEAT_SECONDS if console.is_terminal else HEARTBEAT_SECONDS
    async with LocalRuntime(state, tuning, options) as runtime:
        with Display(tuning, console) as display:

            def show(world: World, decision: Decision) -> None:
                display.update(decision.trials, _progress(world, decision))

            status = await run_until_finished(runtime, show, heartbeat)
        return status, runtime.winner_repository(status)


def _progress(world: World, decision: Decision) -> Progress:
    from deploytune.report.progress import progress_of

    stages = {
        attempt.trial_index: (attempt.stage, attempt.started_at)
        for attempt in world.attempts
        if attempt.ending is None
    }
    return progress_of(
        world.tuning, decision.trials, stages, decision.status, world.now, world.parallel_trials
    )


def _with_seed(tuning: DeploymentTuning, seed: int | None) -> DeploymentTuning:
    if seed is None:
        return tuning
    from deploytune.api.field_errors import read_as
    from deploytune.api.tuning import AlgorithmSpec

    fields = tuning.spec.algorithm.model_dump(by_alias=True, exclude_none=True)
    algorithm = read_as(AlgorithmSpec, {**fields, "seed": seed}, "--seed")
    return tuning.model_copy(
        update={"spec": tuning.spec.model_copy(update={"algorithm": algorithm})}
    )


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be greater than or equal to 1, got {number}")
    return number

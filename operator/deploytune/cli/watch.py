"""Look on while a tuning is worked on: in a cluster, or by a run on this machine."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.recorded_tunings import (
    add_live_place_arguments,
    asked_cluster,
    in_cluster,
    state_of_run,
)

if TYPE_CHECKING:
    from rich.console import Console

    from deploytune.api.tuning import TuningStatus
    from deploytune.report.progress import Progress
    from deploytune.runtime.sights import Sight

_LOOK_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("tuning", metavar="TUNING", help="its name, such as digits")
    add_live_place_arguments(parser)


def execute(options: argparse.Namespace) -> ExitCode:
    """Show a tuning until it ends, then its answer; to stop looking changes nothing."""
    from deploytune.cli.telling import plain_console, tell_answer

    name: str = options.tuning
    state = state_of_run(options, name)
    console = plain_console()
    try:
        if state is None:
            last = in_cluster(options, name, _show(_sights_in_cluster(options, name), console))
        else:
            last = asyncio.run(_show(_sights_of_run(state), console))
    except KeyboardInterrupt:
        console.print(f"no longer looked at; {name} goes on")
        return ExitCode.INTERRUPTED
    status = last.recorded.tuning.status
    assert status is not None, "what has ended has one"
    return tell_answer(last.recorded.tuning, status, console)


async def _show(sights: AsyncIterator[Sight], console: Console) -> Sight:
    """Show what is seen until the tuning has ended, and return the last of it."""
    from deploytune.report.terminal import Display
    from deploytune.report.wording import printable

    display: Display | None = None
    before: Sight | None = None
    with ExitStack() as shown:
        async for sight in sights:
            tuning = sight.recorded.tuning
            if display is None:
                place = f"{tuning.metadata.name}: in {sight.recorded.place}"
                console.print(place, markup=False, soft_wrap=True)
                display = shown.enter_context(Display(tuning, console))
            for line in _news(before, sight):
                console.print(printable(line), markup=False, soft_wrap=True)
            display.update(sight.recorded.trials, _progress(sight))
            before = sight
    assert before is not None, "there is a first look, or an error"
    return before


async def _sights_in_cluster(options: argparse.Namespace, name: str) -> AsyncIterator[Sight]:
    async with asked_cluster(options) as (api, namespace):
        from deploytune.runtime.kube.errors import NotFoundError
        from deploytune.runtime.kube.looking import TuningInCluster
        from deploytune.runtime.kube.recorded import recorded_in_cluster
        from deploytune.runtime.sights import Sight

        async with TuningInCluster(api, namespace, name) as followed:
            while not (sight := followed.look()).is_finished:
                yield sight
                await followed.wait_for_change(_LOOK_SECONDS)
        # The end may be heard of before the last trial is: look at all of it once more.
        try:
            yield Sight(await recorded_in_cluster(api, namespace, name))
        except NotFoundError:
            if not sight.is_answered:
                raise
            yield sight  # deleted as soon as it had ended


async def _sights_of_run(state: Path) -> AsyncIterator[Sight]:
    from deploytune.runtime.local.looking import TuningOfRun

    run = TuningOfRun(state)
    while not (sight := run.look()).is_finished:
        yield sight
        await asyncio.sleep(_LOOK_SECONDS)
    yield run.look()


def _news(before: Sight | None, now: Sight) -> list[str]:
    """Return what happened but to a single trial, a line each: as the Events of the tuning say."""
    from deploytune.observability.events import events_between

    status = now.recorded.tuning.status
    lines = []
    if status is not None and not now.is_finished:
        told = _first(status) if before is None else before.recorded.tuning.status
        lines = [f"{event.reason}: {event.message}" for event in events_between(told, status)]
    if now.trouble is not None and (before is None or before.trouble is None):
        lines.append(f"nothing is heard at the moment: {now.trouble}")
    return lines


def _first(status: TuningStatus) -> TuningStatus:
    """Return what counts as known when looking begins: all but what is to be mended."""
    return status.replace(conditions=())


def _progress(sight: Sight) -> Progress:
    from deploytune.api.tuning import TuningStatus
    from deploytune.report.progress import progress_of

    tuning = sight.recorded.tuning
    return progress_of(
        tuning,
        sight.recorded.trials,
        sight.doing,
        tuning.status or TuningStatus(),
        datetime.now(UTC),
        max(tuning.spec.parallel_trials, len(sight.doing)),
    )

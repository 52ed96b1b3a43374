"""End a search now, keep its best and confirm it: of a run on this machine, or of a cluster."""

from __future__ import annotations

import argparse

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.recorded_tunings import (
    add_live_place_arguments,
    asked_cluster,
    in_cluster,
    of_run,
    state_of_run,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("tuning", metavar="TUNING", help="its name, such as digits")
    add_live_place_arguments(parser)


def execute(options: argparse.Namespace) -> ExitCode:
    """Ask the search to end, unless it has, and say what follows in one line."""
    name: str = options.tuning
    state = state_of_run(options, name)
    if state is None:
        line = in_cluster(options, name, _stop_in_cluster(options, name))
    else:
        from deploytune.report.stopping import what_follows, why_nothing_to_stop
        from deploytune.runtime.local.state_directory import Records

        recorded, records = of_run(state), Records(state)
        nothing = why_nothing_to_stop(recorded.tuning, is_stopped=records.is_stopped)
        if nothing is None:
            records.ask_to_stop()
        later = "; if no run is going on, the next `deploytune run` does that"
        line = nothing or what_follows(recorded) + later
    print(line)
    return ExitCode.ANSWER


async def _stop_in_cluster(options: argparse.Namespace, name: str) -> str:
    async with asked_cluster(options) as (api, namespace):
        from deploytune.report.stopping import what_follows, why_nothing_to_stop
        from deploytune.runtime.kube.recorded import recorded_in_cluster
        from deploytune.runtime.kube.stopping import request_stop

        recorded = await recorded_in_cluster(api, namespace, name)
        nothing = why_nothing_to_stop(recorded.tuning, is_stopped=recorded.tuning.spec.stop)
        if nothing is not None:
            return nothing
        await request_stop(api, recorded.tuning)
        return what_follows(recorded)

"""Say why a trial was proposed, and how it ended: of a run on this machine, or of a cluster."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.recorded_tunings import (
    add_place_arguments,
    asked_cluster,
    in_cluster,
    of_run,
    recorded_tuning,
    state_of_run,
)
from deploytune.contract.errors import ClusterError

if TYPE_CHECKING:
    from deploytune.api.recorded import RecordedTuning
    from deploytune.api.trial import TuningTrial
    from deploytune.report.log_tails import LogTail
    from deploytune.runtime.kube.api_server import ApiServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("trial", metavar="TRIAL", help="its name, TUNING-INDEX, such as digits-7")
    add_place_arguments(parser)


def execute(options: argparse.Namespace) -> ExitCode:
    """Find the trial on record and explain it, with the end of its log if it failed."""
    from deploytune.report.why import explain_trial

    recorded, log = _found(options)
    for line in explain_trial(recorded.tuning, recorded.trial(options.trial), log):
        print(line)
    return ExitCode.ANSWER


def _found(options: argparse.Namespace) -> tuple[RecordedTuning, LogTail | None]:
    from deploytune.api.trial import tuning_of

    name = tuning_of(options.trial)
    if options.dump is not None:
        recorded = recorded_tuning(options, name)
        return recorded, _log_of_dump(options.dump, recorded.trial(options.trial))
    state = state_of_run(options, name)
    if state is None:
        return in_cluster(options, name, _of_cluster(options, name))
    recorded = of_run(state)
    return recorded, _log_of_run(state, recorded.trial(options.trial))


async def _of_cluster(
    options: argparse.Namespace, name: str
) -> tuple[RecordedTuning, LogTail | None]:
    async with asked_cluster(options) as (api, namespace):
        from deploytune.runtime.kube.recorded import recorded_in_cluster

        recorded = await recorded_in_cluster(api, namespace, name)
        return recorded, await _log_of_pod(api, namespace, recorded.trial(options.trial))


def _log_of_dump(dump: Path, trial: TuningTrial) -> LogTail | None:
    from deploytune.report.log_tails import LogTail, failed_attempt

    if failed_attempt(trial) is None:
        return None
    return LogTail(str(dump), why_none="a dump of kubectl holds no logs; ask the cluster")


def _log_of_run(state: Path, trial: TuningTrial) -> LogTail | None:
    from deploytune.report.log_tails import MOST_BYTES, LogTail, failed_attempt, log_tail
    from deploytune.runtime.local.logs import end_of, log_path

    attempt = failed_attempt(trial)
    if attempt is None:
        return None
    path = log_path(state, trial.spec.tuning, trial.spec.index, attempt.attempt)
    try:
        return log_tail(str(path), end_of(path, MOST_BYTES))
    except OSError as error:
        return LogTail(str(path), why_none=f"it cannot be read: {error.strerror}")


async def _log_of_pod(api: ApiServer, namespace: str, trial: TuningTrial) -> LogTail | None:
    from deploytune.report.log_tails import MOST_LINES, LogTail, failed_attempt, log_tail
    from deploytune.runtime.kube.errors import NotFoundError
    from deploytune.runtime.kube.pod_logs import end_of_log

    attempt = failed_attempt(trial)
    if attempt is None or attempt.pod is None:
        return None
    place = f"Pod {attempt.pod}"
    try:
        return log_tail(place, await end_of_log(api, namespace, trial, attempt.pod, MOST_LINES))
    except NotFoundError:
        return LogTail(place, why_none="the Pod is gone, and its log with it")
    except ClusterError as error:
        return LogTail(place, why_none=f"it cannot be read: {error}")

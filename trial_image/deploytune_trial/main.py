"""The command line of the trial runtime.

    python -m deploytune_trial                  run the trial of the environment, report, exit 0
    python -m deploytune_trial --check          exit 0 if this machine can serve, else 2 and a line
    python -m deploytune_trial --serve FOLDER   serve a repository that was kept, until Ctrl-C or
                                                SIGTERM; more arguments, such as --http-port=9000,
                                                go to Triton. A leading `tritonserver`, with which
                                                a runtime of KServe begins them, is left out
    python -m deploytune_trial --repository FOLDER
                                                build what the trial of the environment served, and
                                                leave its repository in FOLDER; measure nothing.
                                                Exit 0 if it is there, else 2 and a line

Exit code 64: there is no request that could be reported on; 74: the report cannot be written.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from deploytune.contract.codec import decode_request
from deploytune.contract.errors import MachineError, TrialContractError
from deploytune.contract.exit_codes import TrialExit
from deploytune.contract.request import PORTS_VARIABLE
from deploytune_trial.environment import TrialEnvironment, read_ports
from deploytune_trial.rebuilding import SpokenWord
from deploytune_trial.stages import StageLog, process_started
from deploytune_trial.termination import TerminationLog
from deploytune_trial.triton.installation import find_triton
from deploytune_trial.triton.ports import LOOPBACK, PORTS_NEEDED, find_free_ports
from deploytune_trial.watchdog import bound_logs_meanwhile, listen_for_signals, watch_deadlines

CANNOT_SERVE = 2
_PROGRAM = "tritonserver"


def parsed(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return what the arguments say, and what of them goes to Triton."""
    parser = argparse.ArgumentParser(prog="python -m deploytune_trial", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="only check that Triton can run and has ports"
    )
    parser.add_argument("--serve", type=Path, metavar="FOLDER", help="serve a kept repository")
    parser.add_argument(
        "--repository", type=Path, metavar="FOLDER", help="only build, and leave the repository"
    )
    chosen, more = parser.parse_known_args(arguments)
    if more and chosen.serve is None:
        parser.error(f"unknown arguments: {' '.join(more)}")
    return chosen, more[1:] if more[:1] == [_PROGRAM] else more


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code."""
    chosen, more = parsed(arguments)
    try:
        if chosen.serve is not None:
            return _serve(chosen.serve, more)
        if chosen.check:
            find_triton()
            find_free_ports(PORTS_NEEDED, read_ports(os.environ.get(PORTS_VARIABLE)))
            return 0
        _run(chosen.repository)
    except MachineError as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_SERVE
    except TrialContractError as error:
        sys.stderr.write(f"{error}\n")
        return TrialExit.NO_REQUEST


def _run(rebuilt: Path | None) -> NoReturn:
    """Run the trial; or only build it again, if there is a place for what was `rebuilt`."""
    environment = TrialEnvironment.read(os.environ)
    request = decode_request(environment.request)
    if rebuilt is not None:
        environment = environment.to_rebuild(rebuilt)
    # What a model's code leaves in temporary files goes when the scratch folder goes.
    tempfile.tempdir = os.environ["TMPDIR"] = str(environment.scratch)
    log = TerminationLog(environment.termination_log)
    words = log if rebuilt is None else SpokenWord()
    stages = StageLog(
        words.write_breadcrumb,
        request.stage_deadlines,
        request.run_deadline_seconds,
        started=process_started(),
    )
    # The first breadcrumb is written: from here on importing may take its time.
    from deploytune_trial.trial import Trial

    trial = Trial(request, environment, stages, words)
    listen_for_signals(trial.interrupt)
    watch_deadlines(stages, trial.expire)
    bound_logs_meanwhile(trial.children.bound_logs)

    from deploytune_trial.runner import rebuild_repository, run_stages

    if rebuilt is not None:
        rebuild_repository(trial)
    run_stages(trial)


def _serve(folder: Path, more: Sequence[str]) -> int:
    from deploytune_trial.triton.repository import server_arguments, working_directory

    installation = find_triton()
    with tempfile.TemporaryDirectory(prefix="deploytune-serve-") as scratch:
        command = [
            str(installation.program),
            f"--model-repository={folder.absolute()}",
            f"--backend-directory={installation.assemble_backends(Path(scratch))}",
            *(f"--{service}-address={LOOPBACK}" for service in ("http", "grpc", "metrics")),
            *server_arguments(folder),
            *more,
        ]
        server = subprocess.Popen(
            command, env=installation.environment(os.environ), cwd=working_directory(folder)
        )
        # The first process of a container has no default action for it.
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.wait()
            return 0

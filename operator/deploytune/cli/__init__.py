"""The command line: one module a command.

Exit codes:
    0    an answer was found (run, watch), the tuning is valid (validate), the file was written
         (init, report), the trial was explained (why), it was handed over (export), the search ends
         or has ended (stop), SIGTERM was obeyed or Pods were released (operator), what was asked
         for was done (bench)
    2    bad input, or a machine that lacks something: one line says what, nothing was started
    3    the search ended and no configuration was feasible, or none stood its confirmations
    4    the operator has lost its Lease: another one may be at work
    130  interrupted; the same command goes on where it stopped (run), nothing was changed (watch)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from deploytune import __version__
from deploytune.cli import (
    bench,
    export,
    init,
    operator,
    report,
    run,
    stop,
    validate,
    watch,
    why,
)
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.errors import DeploytuneError

_COMMANDS = {
    "run": run,
    "validate": validate,
    "init": init,
    "why": why,
    "stop": stop,
    "watch": watch,
    "report": report,
    "export": export,
    "operator": operator,
    "bench": bench,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(_COMMANDS[options.command].execute(options))
    except DeploytuneError as error:
        from deploytune.report.wording import printable

        print(f"deploytune: {printable(str(error))}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploytune", description="Find the deployment of a model that meets its limits."
    )
    parser.add_argument("--version", action="version", version=f"deploytune {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        summary = (command.__doc__ or "").splitlines()[0]
        command.add_arguments(commands.add_parser(name, help=summary, description=summary))
    return parser

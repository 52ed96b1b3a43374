"""Write a first tuning for an ONNX model, with comments, ready to run and to edit."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.metrics import Direction
from deploytune.contract.sources import PYTHON, is_url, without_secrets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("model", metavar="MODEL.onnx")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="METRIC=BOUND",
        help="a hard limit, such as latency_p95_ms=20; may be given several times",
    )
    goal = parser.add_mutually_exclusive_group(required=True)
    goal.add_argument("--maximize", metavar="METRIC", help="the objective, such as throughput")
    goal.add_argument("--minimize", metavar="METRIC", help="the objective, such as latency_p95_ms")
    parser.add_argument(
        "--rate", type=float, metavar="PER_SECOND", help="requests per second to serve"
    )
    parser.add_argument("--evaluation-data", type=Path, metavar="FILE.npz")
    parser.add_argument("--calibration-data", type=Path, metavar="FILE.npz")
    parser.add_argument("--name", help="name of the tuning; default: made from the model's")
    parser.add_argument(
        "--output", type=Path, metavar="FILE.yaml", help="default: NAME.yaml in this folder"
    )


def execute(options: argparse.Namespace) -> ExitCode:
    """Read the model and write the tuning beside which its paths hold."""
    from deploytune.api.scaffold import Surroundings, scaffold_tuning, suggested_name
    from deploytune.runtime.local.onnx_files import describe_onnx

    path = _a_file_here(options.model)
    name = options.name or suggested_name(path.stem)
    output: Path = options.output or Path(f"{name}.yaml")
    objective = (
        (options.maximize, Direction.MAXIMIZE)
        if options.maximize is not None
        else (options.minimize, Direction.MINIMIZE)
    )
    model = replace(describe_onnx(path, "MODEL"), source=_from(output.parent, path))
    tuning = scaffold_tuning(
        model,
        dict(map(_limit, options.limit)),
        objective,
        options.rate,
        name,
        Surroundings(
            cpus=len(os.sched_getaffinity(0)),
            evaluation_data=_optionally_from(output.parent, options.evaluation_data),
            calibration_data=_optionally_from(output.parent, options.calibration_data),
        ),
    )
    _write_new(output, tuning)
    if options.rate is None:
        print("no --rate: requests are sent one by one (ClosedLoop, concurrency 1)")
    print(f"wrote {output}; next: deploytune run {output}")
    return ExitCode.ANSWER


def _a_file_here(text: str) -> Path:
    if is_url(text):
        rule = "must be a file here: fetch it, and write its URL as the source of the tuning"
        raise InvalidTuningError("MODEL", rule, without_secrets(text))
    if text.startswith(PYTHON):
        rule = "must be an ONNX file: a Python function declares nothing that init could read"
        raise InvalidTuningError("MODEL", rule, text)
    return Path(text)


def _limit(text: str) -> tuple[str, float]:
    metric, _, bound = text.partition("=")
    try:
        return metric, float(bound)
    except ValueError:
        raise InvalidTuningError("--limit", "must be METRIC=NUMBER", text) from None


def _from(folder: Path, path: Path) -> str:
    """Return the path as the tuning file in `folder` has to write it."""
    return str(path) if path.is_absolute() else os.path.relpath(path, folder)


def _optionally_from(folder: Path, path: Path | None) -> str | None:
    return None if path is None else _from(folder, path)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidTuningError("--output", "must not exist yet", str(path)) from None
    except OSError as error:
        raise InvalidTuningError("--output", f"must be writable: {error}") from error

"""Run the operator: tunings of a cluster as Pods on its node pools."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune import __version__
from deploytune.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from deploytune.handlers.operator import OperatorOptions

_LEVELS = ("debug", "info", "warning", "error")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--namespace",
        action="append",
        default=[],
        metavar="NAME",
        help="a namespace whose tunings are worked on, once for each; default: all",
    )
    parser.add_argument(
        "--lease-namespace",
        metavar="NAME",
        help="where the Lease is; default: the operator's own namespace, or `default`",
    )
    parser.add_argument(
        "--lease-name",
        default="deploytune-operator",
        metavar="NAME",
        help="of operators with the same Lease one works, the others wait; default: %(default)s",
    )
    parser.add_argument(
        "--trial-image",
        default=f"deploytune-trial:{__version__}",
        metavar="IMAGE",
        help="image of trial Pods where a tuning names none; default: %(default)s",
    )
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="default: as kubectl")
    parser.add_argument("--context", metavar="NAME", help="default: the kubeconfig's own")
    parser.add_argument(
        "--liveness", metavar="URL", help="serve liveness there: http://ADDRESS:PORT/PATH"
    )
    parser.add_argument(
        "--metrics",
        metavar="URL",
        help="serve metrics for Prometheus there: http://ADDRESS:PORT/PATH",
    )
    parser.add_argument("--log-level", choices=_LEVELS, default="info")
    parser.add_argument(
        "--release-pods",
        action="store_true",
        help="only let go of all trial Pods and delete the Lease: "
        "after an uninstallation nothing hangs or is left over",
    )


def execute(options: argparse.Namespace) -> ExitCode:
    """Run until SIGTERM, or release Pods and return."""
    from deploytune.handlers.operator import OperatorOptions, release_everything
    from deploytune.observability.logs import configure_logs
    from deploytune.runtime.kube.connection import own_namespace

    configure_logs(options.log_level)
    operator_options = OperatorOptions(
        trial_image=options.trial_image,
        lease_namespace=options.lease_namespace or own_namespace(),
        lease_name=options.lease_name,
        namespaces=tuple(dict.fromkeys(options.namespace)),
        kubeconfig=options.kubeconfig,
        context=options.context,
        liveness=options.liveness,
        metrics=options.metrics,
    )
    if options.release_pods:
        print(f"{asyncio.run(release_everything(operator_options))} Pods released")
        return ExitCode.ANSWER
    return asyncio.run(_serve(operator_options))


async def _serve(options: OperatorOptions) -> ExitCode:
    from deploytune.handlers.operator import End, run_operator

    end = await run_operator(options)
    code = ExitCode.ANSWER if end is End.STOPPED else ExitCode.LEASE_LOST
    logging.shutdown()
    os._exit(code)  # else a decision that still runs in its thread would be waited for

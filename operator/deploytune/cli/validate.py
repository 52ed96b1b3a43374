"""Check a tuning and the files it names, or what it needs of a cluster, and start nothing."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator

from deploytune.api.tuning import DeploymentTuning
from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.recorded_tunings import add_access_arguments
from deploytune.cli.tuning_files import add_tuning_arguments, read_for_any_trial, read_tuning
from deploytune.contract.errors import InvalidTuningError

_OF_CLUSTER = ("cluster", "trial_image", "namespace", "kubeconfig", "context")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_tuning_arguments(parser)
    cluster = parser.add_argument_group("in a cluster", "Asked where one of these is given.")
    cluster.add_argument(
        "--cluster",
        action="store_true",
        help="hold the tuning against the cluster: nodes, images, objects, quotas; "
        "the files that it names are not looked for here",
    )
    cluster.add_argument(
        "--trial-image",
        metavar="IMAGE",
        help="what the operator runs where the tuning names no image",
    )
    add_access_arguments(cluster)


def execute(options: argparse.Namespace) -> ExitCode:
    """Read the tuning, say what it would do."""
    is_for_cluster = any(getattr(options, each) for each in _OF_CLUSTER)
    tuning = _for_cluster(options) if is_for_cluster else _for_here(options)
    for line in _lines(tuning, is_stock=_runs_stock_trial(options, tuning)):
        print(line)
    if not is_for_cluster:
        return ExitCode.ANSWER
    from deploytune.cli.preflight import preflight_in_cluster

    return asyncio.run(preflight_in_cluster(options, tuning))


def _for_cluster(options: argparse.Namespace) -> DeploymentTuning:
    """Return the tuning, held against the rules of the operator; its files are in its Pods.

    Raises:
        InvalidTuningError: the file or one of its fields breaks a rule.
    """
    from deploytune.api.rules import check_cluster, check_stock_trial

    tuning = read_for_any_trial(options.tuning)
    check_cluster(tuning)
    if _runs_stock_trial(options, tuning):
        check_stock_trial(tuning)
    return tuning


def _for_here(options: argparse.Namespace) -> DeploymentTuning:
    """Return the tuning; one that names an image is held against what holds for every trial.

    Raises:
        InvalidTuningError: the file, one of its fields or a file it names breaks a rule.
    """
    tuning = read_for_any_trial(options.tuning)
    return read_tuning(options) if _runs_stock_trial(options, tuning) else tuning


def _runs_stock_trial(options: argparse.Namespace, tuning: DeploymentTuning) -> bool:
    """Tell as the operator does: an image that a tuning names may hold any trial."""
    return options.trial_command is None and tuning.spec.trial.image is None


def _lines(tuning: DeploymentTuning, *, is_stock: bool) -> Iterator[str]:
    from deploytune.api.stock_combinations import excluded_counts, without_refused
    from deploytune.api.translate import problem_of

    spec = (without_refused(tuning) if is_stock else tuning).spec
    size = problem_of(spec).space.size
    space = "an infinite space" if size is None else f"{size} configurations"
    yield (
        f"{tuning.metadata.name} is valid: {space}, {spec.budget.max_trials} trials by "
        f"{spec.algorithm.name} and {spec.budget.confirmations} confirmations"
    )
    for why, count in excluded_counts(tuning.spec, by_builders=is_stock):
        yield f"excluded: {count} {why}"
    if tuning.spec.trial.image is not None:
        yield from _unlike_stock_trial(tuning)


def _unlike_stock_trial(tuning: DeploymentTuning) -> Iterator[str]:
    """Yield what the stock trial would refuse, which a user's own image may be made from."""
    from deploytune.api.rules import check_stock_trial

    try:
        check_stock_trial(tuning)
    except InvalidTuningError as error:
        image = tuning.spec.trial.image
        yield f"warning: if {image} is made from the stock trial, this fails: {error}"

"""One trial as a cluster has it on record, for somebody who asks about it; nothing is written."""

from __future__ import annotations

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.errors import NotFoundError
from deploytune.runtime.kube.objects import read_trial, read_tuning
from deploytune.runtime.kube.resources import TRIALS, TUNINGS


async def recorded_trial(
    api: ApiServer, namespace: str, tuning: str, trial: str
) -> tuple[DeploymentTuning, TuningTrial]:
    """Return a trial and its tuning.

    Raises:
        ClusterError: one of them is not there or cannot be read, or the API server refuses it or
            gives no answer.
        InvalidTuningError: the tuning's spec breaks a rule.
    """
    try:
        asked = read_tuning(await api.get(TUNINGS, namespace, tuning))
        return asked, read_trial(await api.get(TRIALS, namespace, trial), asked)
    except NotFoundError as error:
        raise NotFoundError(f"there is no {trial} in namespace {namespace}: {error}") from error

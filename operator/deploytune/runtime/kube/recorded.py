"""A tuning and its trials as a cluster has them on record; nothing is written."""

from __future__ import annotations

from deploytune.api.recorded import RecordedTuning
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.errors import NotFoundError
from deploytune.runtime.kube.objects import read_recorded, read_tuning
from deploytune.runtime.kube.resources import TRIALS, TUNINGS
from deploytune.state.pods.labels import TUNING, selector


async def recorded_in_cluster(api: ApiServer, namespace: str, name: str) -> RecordedTuning:
    """Return a tuning and its trials, freshly read.

    Raises:
        ClusterError: one of them is not there or cannot be read, or the API server refuses it or
            gives no answer.
        InvalidTuningError: the tuning's spec breaks a rule.
    """
    place = f"namespace {namespace}"
    try:
        tuning = read_tuning(await api.get(TUNINGS, namespace, name))
    except NotFoundError as error:
        raise NotFoundError(f"there is no tuning {name} in {place}: {error}") from error
    labels = selector({TUNING: name})
    trials = await api.list_all(TRIALS, namespace, labels=labels)
    return read_recorded(tuning, trials, place)

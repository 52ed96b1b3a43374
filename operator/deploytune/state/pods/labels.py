"""The names by which deploytune knows its own objects in a cluster."""

from __future__ import annotations

from collections.abc import Mapping

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import GROUP
from deploytune.contract.request import TrialRequest

MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
TUNING = f"{GROUP}/tuning"
TRIAL_INDEX = f"{GROUP}/trial-index"
ATTEMPT = f"{GROUP}/attempt"
POOL = f"{GROUP}/pool"

TEMPLATE = f"{GROUP}/template"
"""Annotation of a Pod: the digest of the mutable part of the tuning that it was made from."""

RESULT_FINALIZER = f"{GROUP}/result"
"""Keeps a trial Pod until its outcome is in its TuningTrial's status."""

CONTAINER = "trial"
MANAGER = "deploytune"
TRIAL_COMPONENT = "trial"

TRIAL_PODS: Mapping[str, str] = {MANAGED_BY: MANAGER, COMPONENT: TRIAL_COMPONENT}
"""What every trial Pod of every tuning carries."""


def trial_labels(trial: TuningTrial) -> dict[str, str]:
    """Return the labels of a TuningTrial."""
    return {
        MANAGED_BY: MANAGER,
        TUNING: trial.spec.tuning,
        TRIAL_INDEX: str(trial.spec.index),
        POOL: trial.spec.pool,
    }


def pod_labels(trial: TuningTrial, request: TrialRequest) -> dict[str, str]:
    """Return deploytune's own labels of a trial Pod."""
    return {**trial_labels(trial), **TRIAL_PODS, ATTEMPT: str(request.attempt)}


def pod_name(request: TrialRequest) -> str:
    """Return the name of an attempt's Pod: `<trial>-<attempt>`."""
    return f"{request.trial}-{request.attempt}"


def selector(labels: Mapping[str, str]) -> str:
    """Return labels as a selector in a list or a watch."""
    return ",".join(f"{key}={value}" for key, value in labels.items())

"""The Pod that the API server is asked about, and does not create: that of a pool's first trial.

Admission says more than any reading of quotas, limit ranges and policies could: it is the judge.
The Pod has no owner, which is not there yet, and no finalizer.
"""

from __future__ import annotations

from typing import Any

from deploytune.api.translate import problem_of
from deploytune.api.trial import (
    ProposalRecord,
    Purpose,
    TrialMetadata,
    TrialSpecRecord,
    TuningTrial,
    trial_name,
)
from deploytune.api.tuning import POOL_PARAMETER, DeploymentTuning, NodePoolSpec
from deploytune.state.pods.manifest import PodOptions, build_pod
from deploytune.state.requests import build_request

_NOBODY = "00000000-0000-0000-0000-000000000000"


def rehearsed_pod(tuning: DeploymentTuning, pool: NodePoolSpec, image: str) -> dict[str, Any]:
    """Return the Pod of a pool's first trial, as far as admission looks at it."""
    trial = _first_trial(tuning, pool)
    pod = build_pod(tuning, trial, build_request(tuning, trial, 0), PodOptions(image))
    metadata = pod["metadata"]
    for absent in ("name", "ownerReferences", "finalizers"):
        del metadata[absent]
    metadata["generateName"] = f"{tuning.metadata.name}-preflight-"
    return pod


def _first_trial(tuning: DeploymentTuning, pool: NodePoolSpec) -> TuningTrial:
    parameters = dict(problem_of(tuning.spec).space.defaults() or {})
    parameters.pop(POOL_PARAMETER, None)
    return TuningTrial(
        metadata=TrialMetadata(name=trial_name(tuning.metadata.name, 0), uid=_NOBODY),
        spec=TrialSpecRecord(
            tuning=tuning.metadata.name,
            index=0,
            parameters=parameters,
            pool=pool.name,
            purpose=Purpose.BASELINE,
            proposal=ProposalRecord(strategy=tuning.spec.algorithm.name, search_stage="Exploring"),
        ),
    )

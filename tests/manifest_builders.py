"""The Pod that a document's tuning makes of its first trial."""

from __future__ import annotations

from typing import Any

from api_builders import Document, parsed

from deploytune.api.trial import (
    ProposalRecord,
    Purpose,
    TrialMetadata,
    TrialSpecRecord,
    TuningTrial,
    trial_name,
)
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.models import Scalar
from deploytune.state.pods.manifest import PodOptions, build_pod
from deploytune.state.requests import build_request

A_UID = "2c6f3a0e-0000-4000-8000-000000000003"
OPTIONS = PodOptions(default_image="registry.example.com/deploytune-trial:1")


def a_trial_of(
    tuning: DeploymentTuning, pool: str, uid: str = A_UID, **parameters: Scalar
) -> TuningTrial:
    """A trial of a tuning as the API server keeps it."""
    return TuningTrial(
        metadata=TrialMetadata(name=trial_name(tuning.metadata.name, 3), uid=uid),
        spec=TrialSpecRecord(
            tuning=tuning.metadata.name,
            index=3,
            parameters={"backend": "onnxruntime", "maxBatchSize": 8, **parameters},
            pool=pool,
            purpose=Purpose.SEARCH,
            proposal=ProposalRecord(strategy="TPE", search_stage="Exploring"),
        ),
    )


def a_built_pod(
    document: Document, *, pool: str | None = None, uid: str = A_UID, **parameters: Scalar
) -> dict[str, Any]:
    """The Pod of the second attempt of a document's trial 3, in its first pool if none is named."""
    tuning = parsed(document)
    trial = a_trial_of(tuning, pool or tuning.spec.node_pools[0].name, uid, **parameters)
    return build_pod(tuning, trial, build_request(tuning, trial, 1), OPTIONS)

"""The part of a tuning that a user may mend and that its Pods are made from, as a digest.

A Pod that waits, or a trial that is misconfigured, is made anew when this part has changed since.
"""

from __future__ import annotations

import hashlib
import json

from deploytune.api.tuning import DeploymentTuning

_DIGITS = 16
_OF_POOL = {"node_selector", "tolerations"}
_OF_TRIAL = {"image", "pod_template"}


def template_digest(tuning: DeploymentTuning, pool_name: str) -> str:
    """Return the digest of what a mended tuning changes in the Pods of a pool."""
    spec = tuning.spec
    pool = next(pool for pool in spec.node_pools if pool.name == pool_name)
    parts = (
        pool.model_dump(mode="json", include=_OF_POOL, exclude_defaults=True),
        spec.trial.model_dump(mode="json", include=_OF_TRIAL, exclude_defaults=True),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_DIGITS]

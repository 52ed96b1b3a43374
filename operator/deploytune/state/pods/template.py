"""The part of a tuning that a user may mend and that its Pods are made from, as a digest.

A Pod that waits, or a trial that is misconfigured, is made anew when this part has changed since.
"""

from __future__ import annotations

import hashlib
import json

from deploytune.api.pod_template import Toleration
from deploytune.api.tuning import DeploymentTuning, NodePoolSpec

_DIGITS = 16
_OF_POOL = {"node_selector", "tolerations"}
_OF_TRIAL = {"image", "pod_template"}

_OLD_DEFAULT = (Toleration(key="nvidia.com/gpu", operator="Exists"),)
"""Tolerations that an API server with older CRDs wrote into each pool without any."""


def template_digest(tuning: DeploymentTuning, pool_name: str) -> str:
    """Return the digest of what a mended tuning changes in the Pods of a pool."""
    spec = tuning.spec
    pool = next(pool for pool in spec.node_pools if pool.name == pool_name)
    parts = (
        _without_old_default(pool).model_dump(mode="json", include=_OF_POOL, exclude_defaults=True),
        spec.trial.model_dump(mode="json", include=_OF_TRIAL, exclude_defaults=True),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def _without_old_default(pool: NodePoolSpec) -> NodePoolSpec:
    """Return a pool as its digest was made under the older CRDs: an upgrade mends nothing."""
    return pool.replace(tolerations=None) if pool.tolerations == _OLD_DEFAULT else pool

"""What a trial is asked: its TuningTrial and its tuning, as the contract says it."""

from __future__ import annotations

from deploytune.api.trial import Purpose, TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.limits import Limit
from deploytune.contract.request import TrialRequest
from deploytune.search.seeds import stable_seed


def build_request(tuning: DeploymentTuning, trial: TuningTrial, attempt: int) -> TrialRequest:
    """Return the request of one attempt; attempts of a trial share its seed."""
    spec = tuning.spec
    pool = next(pool for pool in spec.node_pools if pool.name == trial.spec.pool)
    return TrialRequest(
        trial=trial.metadata.name,
        index=trial.spec.index,
        attempt=attempt,
        seed=stable_seed(spec.algorithm.seed, trial.spec.index, "trial"),
        parameters=trial.spec.parameters,
        workload=spec.workload,
        objectives=tuple(objective.key for objective in spec.objectives),
        limits=tuple(
            Limit(metric=constraint.key, max=constraint.max, min=constraint.min)
            for constraint in spec.constraints
        ),
        run_deadline_seconds=spec.trial.run_deadline_seconds,
        stage_deadlines=spec.trial.stage_deadlines_seconds,
        latency_abort_factor=spec.trial.latency_abort_factor,
        resources=pool.resources.to_resources(shared_devices=pool.allow_shared_devices),
        measure_afresh=trial.spec.purpose is Purpose.CONFIRM,
    )

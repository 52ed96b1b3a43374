"""What can be wrong with an output whatever its precision: one small function for each.

Quantisation may move values, and that is a metric. A missing output, another shape or type, or a
number that is none where the reference has one, is a broken deployment.
"""

from __future__ import annotations

import numpy as np

from deploytune.contract.outcomes import Cause
from deploytune_trial.failures import crashed
from deploytune_trial.models.interface import Array, Arrays


def check_outputs(served: Arrays, reference: Arrays) -> None:
    """Hold the outputs for one batch against those of the original.

    Raises:
        TrialFailure: Crashed/WrongOutput, naming the output and what is wrong with it.
    """
    for name, wanted in reference.items():
        if name not in served:
            answered = ", ".join(served) or "none"
            raise crashed(Cause.WRONG_OUTPUT, f"output {name!r} is missing, got {answered}")
        for reason in (rule(served[name], wanted) for rule in _RULES):
            if reason is not None:
                raise crashed(Cause.WRONG_OUTPUT, f"output {name!r} {reason}")


def _wrong_type(served: Array, reference: Array) -> str | None:
    if served.dtype == reference.dtype:
        return None
    return f"must be {reference.dtype}, got {served.dtype}"


def _wrong_shape(served: Array, reference: Array) -> str | None:
    if served.shape == reference.shape:
        return None
    return f"must have the shape {[*reference.shape]}, got {[*served.shape]}"


def _not_finite(served: Array, reference: Array) -> str | None:
    if served.shape != reference.shape or reference.dtype.kind != "f":
        return None
    broken = np.isfinite(reference) & ~np.isfinite(served)
    if not broken.any():
        return None
    return f"has {int(broken.sum())} of {served.size} values that are NaN or infinite"


_RULES = (_wrong_type, _wrong_shape, _not_finite)

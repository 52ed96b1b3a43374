"""Whether a served model answers as it did when its answers were judged in full.

One batch tells: an output that is missing, of another shape or NaN ends the trial as it would in a
full verification, and one that is farther from the original than any was then is not believed.
"""

from __future__ import annotations

from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.models.interface import Arrays
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.verify.outputs import check_outputs
from deploytune_trial.verify.reference import open_reference
from deploytune_trial.verify.statistics import deviation
from deploytune_trial.verify.verifying import Infer

_SURPRISE_FACTOR = 4.0
_NEGLIGIBLE_DRIFT = 1e-3


def drift_of_batch(model: LoadedModel, artefact: Artefact, inputs: Arrays, infer: Infer) -> float:
    """Return how far the served outputs of one batch are from the original's.

    Raises:
        TrialFailure: Crashed/WrongOutput, or what `infer` itself raises.
    """
    wanted = open_reference(model)(inputs)
    served = infer(inputs)
    check_outputs(served, wanted)
    names = [tensor.name for tensor in artefact.interface.outputs]
    return max(deviation(served[name], wanted[name]).drift for name in names)


def is_believable(drift: float, known: float) -> bool:
    """Tell whether the drift of one batch agrees with the largest of a full verification.

    A batch's drift is over the largest output of that batch, which may be small: hence the factor.
    """
    return drift <= max(_NEGLIGIBLE_DRIFT, _SURPRISE_FACTOR * known)

"""Send the evaluation data through Triton and say how good the answers are.

Without evaluation data, seeded made-up samples still show wrong shapes, NaN and drift. Samples go
in batches of the largest size that Triton forms, since that is how they will be served; the
original takes larger ones where it can, which is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from deploytune.contract.report import Measurement
from deploytune.contract.request import TrialRequest
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.evaluation_data import EVALUATION_FIELD, LABEL, Samples, read_samples
from deploytune_trial.failures import bad_workload
from deploytune_trial.models.interface import Array, Arrays, ModelInterface
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.verify.outputs import check_outputs
from deploytune_trial.verify.reference import Reference, open_reference
from deploytune_trial.verify.statistics import Deviation, Share, correct, deviation

SYNTHETIC_BATCHES = 4
_REFERENCE_SAMPLES = 32

Infer = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class VerifyResult:
    """What was measured of the answers, and on what."""

    metrics: dict[str, Measurement]
    facts: dict[str, str | int | float]


def verify(
    model: LoadedModel, artefact: Artefact, request: TrialRequest, infer: Infer
) -> VerifyResult:
    """Compare what `infer` answers, batch by batch, with the original model and the labels.

    Raises:
        TrialFailure: Crashed/WrongOutput, or what `infer` itself raises.
    """
    samples = _samples(artefact.interface, request)
    reference = open_reference(model)
    outputs = [tensor.name for tensor in artefact.interface.outputs]
    deviations = dict.fromkeys(outputs, Deviation())
    accuracy = Share()
    verified = 0
    for batch, wanted in _with_reference(samples, reference, artefact.interface, request):
        served = infer(batch.inputs)
        check_outputs(served, wanted)
        for name in outputs:
            deviations[name] = deviations[name].joined_with(deviation(served[name], wanted[name]))
        if batch.labels is not None:
            accuracy = accuracy.joined_with(_accuracy(served[outputs[0]], batch.labels))
        verified += batch.count
    source = "synthetic" if request.workload.evaluation_data is None else "evaluation data"
    return VerifyResult(
        _metrics(deviations, accuracy), {"verifiedSamples": verified, "verifiedOn": source}
    )


def batches(samples: Samples, size: int, *, whole: bool) -> Iterator[Samples]:
    """Yield the samples in batches; with `whole`, a last one that is not full is left out."""
    for start in range(0, samples.count, size):
        batch = samples.slice(start, start + size)
        if batch.count == size or not whole:
            yield batch


def _with_reference(
    samples: Samples, reference: Reference, interface: ModelInterface, request: TrialRequest
) -> Iterator[tuple[Samples, Arrays]]:
    """Yield the batches for Triton, each with the outputs of the original."""
    size = _batch_size(request)
    together = max(1, _REFERENCE_SAMPLES // size) if interface.batched else 1
    for chunk in batches(samples, size * together, whole=not interface.batched):
        wanted = reference(chunk.inputs)
        for start in range(0, chunk.count, size):
            part = {name: values[start : start + size] for name, values in wanted.items()}
            yield chunk.slice(start, start + size), part


def _samples(interface: ModelInterface, request: TrialRequest) -> Samples:
    size = _batch_size(request)
    path = request.workload.evaluation_data
    if path is None:
        return Samples(synthetic_samples(interface.inputs, SYNTHETIC_BATCHES * size, request.seed))
    samples = read_samples(path, EVALUATION_FIELD, interface)
    if samples.count < size and not interface.batched:
        rule = f"must hold at least {size} samples, the batch that the model fixes"
        raise bad_workload(EVALUATION_FIELD, rule, samples.count)
    return samples


def _batch_size(request: TrialRequest) -> int:
    return int(request.parameters.get("maxBatchSize", request.workload.request_batch))


def _accuracy(scores: Array, labels: Array) -> Share:
    if scores.ndim < 2 or scores.shape[:-1] != labels.shape:  # noqa: PLR2004 - samples and classes
        raise bad_workload(
            EVALUATION_FIELD,
            f"array {LABEL!r} must hold one label for each row of classes on the last axis of the "
            f"first output, whose shape is {[*scores.shape]}",
            [*labels.shape],
        )
    return correct(scores, labels)


def _metrics(deviations: Mapping[str, Deviation], accuracy: Share) -> dict[str, Measurement]:
    drift = max(each.drift for each in deviations.values())
    metrics = {"output_drift": Measurement(value=drift)}
    if accuracy.total:
        metrics["accuracy"] = Measurement(value=accuracy.value, half_width=accuracy.half_width)
    return metrics

"""Send the evaluation data through Triton and say how good the answers are.

Without evaluation data, seeded made-up samples still show wrong shapes, NaN and drift. Samples go
in batches of the largest size that Triton forms, since that is how they will be served; the
original takes larger ones where it can, which is faster. Neither samples nor outputs are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from deploytune.contract.report import Measurement
from deploytune.contract.request import TrialRequest
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.evaluation_data import EVALUATION_FIELD
from deploytune_trial.evaluation_function import import_evaluation_function
from deploytune_trial.failures import bad_workload
from deploytune_trial.labels import output_of, read_labelling
from deploytune_trial.models.interface import Arrays, ModelInterface
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.sample_files import SampleFile, Samples
from deploytune_trial.verify.bounds import Bounds
from deploytune_trial.verify.ending import Ending
from deploytune_trial.verify.function_scorer import FunctionScorer
from deploytune_trial.verify.label_scorers import label_scorer
from deploytune_trial.verify.outputs import check_outputs
from deploytune_trial.verify.reference import Reference, open_reference
from deploytune_trial.verify.scorers import Answers, DriftScorer, Scorer, SimilarityScorer

SYNTHETIC_BATCHES = 4
_REFERENCE_SAMPLES = 32
_SCORED_SAMPLES = 256
_SCORED_BYTES = 8 * 2**20

Infer = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class VerifyResult:
    """What was measured of the answers, and on what.

    `settled` are the metrics whose side of their limit is certain: enough samples were seen.
    """

    metrics: dict[str, Measurement]
    facts: dict[str, str | int | float]
    settled: frozenset[str] = frozenset()


def verify(
    model: LoadedModel, artefact: Artefact, request: TrialRequest, infer: Infer
) -> VerifyResult:
    """Compare what `infer` answers, batch by batch, with the original model and the labels.

    Raises:
        TrialFailure: Crashed/WrongOutput, Misconfigured where data and model do not fit, or what
            `infer` itself raises.
    """
    reference = open_reference(model)
    with ExitStack() as stack:
        plan = _plan(artefact.interface, request, stack)
        seen = 0
        for samples in plan.samples:
            answers = _answers(samples, plan, reference, infer)
            for scorer in plan.scorers:
                scorer.add(answers)
            seen += samples.count
            if plan.ending.is_reached(seen, plan.scorers):
                break
        return _result(plan, seen)


@dataclass(frozen=True)
class _Plan:
    """The samples, some at a time and `count` together; what is kept of them; when they end."""

    samples: Iterator[Samples]
    count: int
    batch: int
    reference_batch: int
    source: str
    scorers: Sequence[Scorer]
    ending: Ending


def _plan(interface: ModelInterface, request: TrialRequest, stack: ExitStack) -> _Plan:
    batch = int(request.parameters.get("maxBatchSize", request.workload.request_batch))
    step, together = _reference_batch(interface, batch), _scored_together(interface, batch)
    path = request.workload.evaluation_data
    if path is None:
        count = SYNTHETIC_BATCHES * batch
        made_up = Samples(synthetic_samples(interface.inputs, count, request.seed))
        samples = _parts(made_up, together)
        ending = Ending(request, frozenset(), count, in_any_order=False)
        return _Plan(samples, count, batch, step, "synthetic", _scorers(interface, request), ending)
    file = stack.enter_context(SampleFile(path, EVALUATION_FIELD, interface))
    count = file.count if interface.batched else file.count // batch * batch
    if count == 0:
        rule = f"must hold at least {batch} samples, the batch that the model fixes"
        raise bad_workload(EVALUATION_FIELD, rule, file.count)
    samples = _whole_batches(file.shuffled(together), 1 if interface.batched else batch)
    scorers = _scorers(interface, request)
    scorers.extend(_scorers_of_data(interface, request, file, stack))
    metrics = frozenset(name for scorer in scorers for name in scorer.metrics)
    ending = Ending(request, metrics, count, in_any_order=file.has_any_order)
    return _Plan(samples, count, batch, step, "evaluation data", scorers, ending)


def _scorers(interface: ModelInterface, request: TrialRequest) -> list[Scorer]:
    watched = output_of(interface, request.workload.evaluating)
    return [
        DriftScorer([tensor.name for tensor in interface.outputs]),
        SimilarityScorer(watched.name, batch_first=watched.batch_first),
    ]


def _scorers_of_data(
    interface: ModelInterface, request: TrialRequest, file: SampleFile, stack: ExitStack
) -> Iterator[Scorer]:
    labelling = read_labelling(request, interface, file.headers)
    if labelling is not None:
        yield label_scorer(labelling)
    function = request.workload.evaluating.function
    if function is not None:
        yield FunctionScorer(import_evaluation_function(function), stack)


def _scored_together(interface: ModelInterface, batch: int) -> int:
    """Return how many samples to score at once: whole batches, of little memory.

    One batch of a model that fixes it: its outputs need not begin with the samples.
    """
    if not interface.batched:
        return batch
    tensors = (*interface.inputs, *interface.outputs)
    sizes = [abs(math.prod(one.shape)) * np.dtype(one.dtype).itemsize for one in tensors]
    samples = min(_SCORED_SAMPLES, _SCORED_BYTES // max(1, sum(sizes)))
    step = _reference_batch(interface, batch)
    return step * max(1, samples // step)


def _reference_batch(interface: ModelInterface, batch: int) -> int:
    return batch * max(1, _REFERENCE_SAMPLES // batch if interface.batched else 1)


def _whole_batches(parts: Iterator[Samples], batch: int) -> Iterator[Samples]:
    """Yield samples without those at the end that fill no batch."""
    for part in parts:
        whole = part.count // batch * batch
        if whole:
            yield part.slice(0, whole)


def _answers(samples: Samples, plan: _Plan, reference: Reference, infer: Infer) -> Answers:
    """Return what both say of some samples; each batch of Triton's is checked."""
    wanted = _joined([reference(part.inputs) for part in _parts(samples, plan.reference_batch)])
    served = []
    for start in range(0, samples.count, plan.batch):
        answered = infer(samples.slice(start, start + plan.batch).inputs)
        check_outputs(answered, _part(wanted, start, plan.batch, samples.count))
        served.append(answered)
    return Answers(_joined(served), wanted, samples.count, samples.labels)


def _parts(samples: Samples, size: int) -> Iterator[Samples]:
    return (samples.slice(n, n + size) for n in range(0, samples.count, size))


def _joined(parts: Sequence[Arrays]) -> Arrays:
    """Return the outputs of several batches as those of one."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _part(outputs: Arrays, start: int, batch: int, count: int) -> Arrays:
    """Return the outputs of one batch; of a single one all, which need not begin with the batch."""
    if count <= batch:
        return outputs
    return {name: values[start : start + batch] for name, values in outputs.items()}


def _result(plan: _Plan, seen: int) -> VerifyResult:
    metrics: dict[str, Measurement] = {}
    for scorer in plan.scorers:
        metrics.update(scorer.measurements())
    facts: dict[str, str | int | float] = {"verifiedSamples": seen, "verifiedOn": plan.source}
    if plan.source == "synthetic":
        return VerifyResult(metrics, facts)
    if seen == plan.count:
        return VerifyResult(metrics, facts, frozenset(metrics))
    facts["verifiedOf"] = plan.count
    for name, bounds in plan.ending.decided.items():
        metrics[name] = _at_least_as_wide(metrics[name], bounds)
    return VerifyResult(metrics, facts, frozenset(plan.ending.decided))


def _at_least_as_wide(measurement: Measurement, bounds: Bounds) -> Measurement:
    """Return a measurement whose interval holds those bounds: they allow for the early end."""
    away = max(bounds.high - measurement.value, measurement.value - bounds.low)
    return Measurement(value=measurement.value, half_width=max(measurement.half_width or 0, away))

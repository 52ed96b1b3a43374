from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto
from onnx_builders import (
    FEATURES,
    a_model_request,
    a_sequence_model,
    a_sum_of_two,
    an_embedding,
    an_mlp,
    samples_file,
    saved,
)

from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import Cause
from deploytune.contract.request import TrialRequest
from deploytune_trial.build.building import Artefact, build
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import Arrays
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.loading import load_model
from deploytune_trial.triton.served_model.onnx_runner import Runner
from deploytune_trial.verify import VerifyResult, verify

SAMPLES = 20


class Served:
    """A built model behind a function, as Triton would stand, and the batches it was sent."""

    def __init__(
        self,
        folder: Path,
        model: ModelProto,
        parameters: dict[str, Any] | None = None,
        **workload: Any,
    ) -> None:
        made = folder / "build"
        made.mkdir()
        self.request: TrialRequest = a_model_request(saved(model, folder), parameters, **workload)
        self.model: LoadedModel = load_model(self.request)
        self.artefact: Artefact = build(self.request, self.model, made)
        self.batch_sizes: list[int] = []
        self._runner = Runner(made, self.artefact.settings)

    def infer(self, inputs: Arrays) -> Arrays:
        self.batch_sizes.append(len(next(iter(inputs.values()))))
        return self._runner.run(inputs)

    def verified(self, infer: Callable[[Arrays], Arrays] | None = None) -> VerifyResult:
        return verify(self.model, self.artefact, self.request, infer or self.infer)


def inputs() -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).standard_normal((SAMPLES, FEATURES)).astype(np.float32)


def evaluation_data(folder: Path, labels: np.ndarray[Any, Any] | None = None) -> str:
    arrays = {"x": inputs()} if labels is None else {"x": inputs(), "label": labels}
    return samples_file(folder, **arrays)


def true_labels(folder: Path) -> np.ndarray[Any, Any]:
    folder = folder / "labels"
    folder.mkdir()
    original = Served(folder, an_mlp())
    labels: np.ndarray[Any, Any] = np.argmax(original.infer({"x": inputs()})["scores"], axis=-1)
    return labels


def test_the_original_has_no_drift_and_its_own_labels(tmp_path: Path) -> None:
    data = evaluation_data(tmp_path, true_labels(tmp_path))
    result = Served(tmp_path, an_mlp(), {"maxBatchSize": 8}, evaluation_data=data).verified()
    assert result.metrics["output_drift"].value == pytest.approx(0.0, abs=1e-6)
    assert result.metrics["accuracy"].value == 1.0
    assert result.facts == {"verifiedSamples": SAMPLES, "verifiedOn": "evaluation data"}


def test_accuracy_has_its_interval(tmp_path: Path) -> None:
    labels = true_labels(tmp_path)
    labels[:5] = (labels[:5] + 1) % 4
    data = evaluation_data(tmp_path, labels)
    accuracy = Served(tmp_path, an_mlp(), evaluation_data=data).verified().metrics["accuracy"]
    assert accuracy.value == 0.75
    assert accuracy.half_width is not None
    assert 0.2 < accuracy.half_width < 0.4


def test_drift_of_a_smaller_precision_is_measured(tmp_path: Path) -> None:
    result = Served(tmp_path, an_mlp(), {"precision": "int8-dynamic"}).verified()
    assert 0 < result.metrics["output_drift"].value < 0.2


def test_samples_go_in_batches_of_the_largest_size(tmp_path: Path) -> None:
    data = evaluation_data(tmp_path)
    served = Served(tmp_path, an_mlp(), {"maxBatchSize": 8}, evaluation_data=data)
    served.verified()
    assert [8, 8, 4] == served.batch_sizes


def test_a_model_of_a_fixed_batch_gets_whole_batches_only(tmp_path: Path) -> None:
    data = evaluation_data(tmp_path)
    served = Served(tmp_path, an_mlp(8), request_batch=8, evaluation_data=data)
    assert served.verified().facts["verifiedSamples"] == 16
    assert [8, 8] == served.batch_sizes


def test_an_output_without_the_batch_in_front_is_compared_whole(tmp_path: Path) -> None:
    result = Served(tmp_path, a_sequence_model(1)).verified()
    assert result.metrics["output_drift"].value == 0.0


def test_fewer_samples_than_a_fixed_batch_are_refused(tmp_path: Path) -> None:
    served = Served(
        tmp_path, an_mlp(32), request_batch=32, evaluation_data=evaluation_data(tmp_path)
    )
    with pytest.raises(TrialFailure, match="must hold at least 32 samples") as raised:
        served.verified()
    assert raised.value.cause is Cause.BAD_WORKLOAD


def test_without_data_made_up_samples_are_compared(tmp_path: Path) -> None:
    result = Served(tmp_path, an_embedding(), request_batch=2).verified()
    assert result.facts == {"verifiedSamples": 8, "verifiedOn": "synthetic"}
    assert set(result.metrics) == {"output_drift", "cosine_similarity"}


def test_made_up_samples_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    served = Served(tmp_path, an_mlp())
    seen: list[np.ndarray[Any, Any]] = []

    def remember(batch: Arrays) -> Arrays:
        seen.append(batch["x"])
        return served.infer(batch)

    served.verified(remember)
    served.verified(remember)
    half = len(seen) // 2
    assert all(map(np.array_equal, seen[:half], seen[half:]))


def test_nan_through_triton_is_a_wrong_output(tmp_path: Path) -> None:
    served = Served(tmp_path, an_mlp())
    with pytest.raises(TrialFailure, match="'scores' has 4 of 4 values that are NaN") as raised:
        served.verified(
            lambda batch: {"scores": served.infer(batch)["scores"] * np.float32(np.nan)}
        )
    assert raised.value.cause is Cause.WRONG_OUTPUT


def test_labels_are_held_against_the_output_that_the_workload_names(tmp_path: Path) -> None:
    halves = np.full((SAMPLES, 3), 0.5, np.float32)
    labels = np.ones((SAMPLES, 3), np.float32)
    data = samples_file(tmp_path, left=halves, right=halves, label=labels)

    def error(name: str, output: str | None) -> float:
        (tmp_path / name).mkdir()
        evaluation = {"output": output}
        served = Served(
            tmp_path / name, a_sum_of_two(), evaluation_data=data, evaluation=evaluation
        )
        return served.verified().metrics["mean_absolute_error"].value

    assert error("first", None) == 0.0
    assert error("second", "difference") == 1.0


def a_long_evaluation(folder: Path, accuracy: float, count: int = 2000) -> str:
    """Data sorted by whether the label is right: all that the model gets wrong comes last."""
    source = Served(folder, an_mlp())
    data = np.random.default_rng(8).standard_normal((count, FEATURES)).astype(np.float32)
    labels = np.argmax(source.infer({"x": data})["scores"], axis=-1)
    labels[round(accuracy * count) :] += 1
    return samples_file(folder, x=data, label=labels % 4)


def limited(folder: Path, data: str, *limits: Limit, **fields: Any) -> VerifyResult:
    folder = folder / "limited"
    folder.mkdir()
    served = Served(folder, an_mlp(), {"maxBatchSize": 32}, evaluation_data=data)
    served.request = served.request.replace(limits=limits, **fields)
    return served.verified()


@pytest.mark.parametrize("limit", [0.8, 0.97])
def test_a_limit_that_is_decided_ends_the_evaluation(tmp_path: Path, limit: float) -> None:
    data = a_long_evaluation(tmp_path, 0.9)
    result = limited(tmp_path, data, Limit(metric="accuracy", min=limit))
    assert result.facts["verifiedSamples"] in {64, 128, 256, 512}
    assert result.facts["verifiedOf"] == 2000
    assert result.settled == {"accuracy"}
    accuracy = result.metrics["accuracy"]
    assert (accuracy.value >= limit) is (limit < 0.9)
    assert accuracy.half_width is not None
    assert abs(accuracy.value - 0.9) < accuracy.half_width


def test_a_limit_close_to_the_truth_takes_all_samples(tmp_path: Path) -> None:
    data = a_long_evaluation(tmp_path, 0.9)
    result = limited(tmp_path, data, Limit(metric="accuracy", min=0.8999))
    assert result.facts["verifiedSamples"] == 2000
    assert result.metrics["accuracy"].value == 0.9
    assert "accuracy" in result.settled


def test_whoever_optimises_the_accuracy_gets_it_of_all_samples(tmp_path: Path) -> None:
    data = a_long_evaluation(tmp_path, 0.9)
    limit = Limit(metric="accuracy", min=0.2)
    result = limited(tmp_path, data, limit, objectives=("accuracy",))
    assert result.facts["verifiedSamples"] == 2000


def test_every_limit_must_be_decided_to_be_met(tmp_path: Path) -> None:
    data = a_long_evaluation(tmp_path, 0.9)
    limits = [Limit(metric="accuracy", min=0.2), Limit(metric="f1_macro", min=0.2)]
    assert limited(tmp_path, data, *limits).facts["verifiedSamples"] == 2000


def test_both_limits_of_a_metric_must_be_decided(tmp_path: Path) -> None:
    data = a_long_evaluation(tmp_path, 0.9)
    limits = [Limit(metric="accuracy", min=0.2), Limit(metric="accuracy", max=0.9001)]
    assert limited(tmp_path, data, *limits).facts["verifiedSamples"] == 2000


def test_an_output_without_the_batch_in_front_has_no_bounds(tmp_path: Path) -> None:
    data = np.random.default_rng(1).standard_normal((200, 5, 3)).astype(np.float32)
    served = Served(tmp_path, a_sequence_model(1), evaluation_data=samples_file(tmp_path, x=data))
    limits = (Limit(metric="cosine_similarity", min=0.5),)
    served.request = served.request.replace(limits=limits)
    result = served.verified()
    assert result.facts["verifiedSamples"] == 200
    assert result.metrics["cosine_similarity"].value == pytest.approx(1.0)


def test_one_missed_limit_is_enough_to_end(tmp_path: Path) -> None:
    data = a_long_evaluation(tmp_path, 0.9)
    limits = [Limit(metric="f1_macro", min=0.2), Limit(metric="accuracy", min=0.99)]
    result = limited(tmp_path, data, *limits)
    assert int(result.facts["verifiedSamples"]) < 2000
    assert result.settled == {"accuracy"}


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    """All wrong labels stand at the end of the file; the first samples seen have their share."""
    data = a_long_evaluation(tmp_path, 0.5)
    result = limited(tmp_path, data, Limit(metric="accuracy", min=0.9))
    assert 0.3 < result.metrics["accuracy"].value < 0.7
    assert int(result.facts["verifiedSamples"]) < 2000

"""The model as Triton's Python backend runs it; everything it needs lies beside this file.

All requests of one call are concatenated and run as one batch: Triton's batching only puts them
into one call, and running them one by one would batch nothing. A model that fixes its batch axis
is run request by request.

The runner is imported by name, so that a served ONNX file needs no torch, and the other way round.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

_Arrays = Mapping[str, np.ndarray[Any, Any]]

_FOLDER = Path(__file__).parent
_ON_DEVICES = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
_RUNNERS = {"onnxruntime": "onnx_runner", "pytorch": "torch_runner"}


class TritonPythonModel:
    """One instance of the model."""

    def initialize(self, instance: Mapping[str, str]) -> None:
        """Load the model; whatever it raises is the reason that Triton gives for not loading it."""
        settings = placed(json.loads((_FOLDER / "settings.json").read_text()), instance)
        self._inputs = [tensor["name"] for tensor in settings["inputs"]]
        self._batched = settings["batched"]
        runner = importlib.import_module(_RUNNERS[settings["backend"]])
        self._runner = runner.Runner(_FOLDER, settings)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer all requests of a call, in their order."""
        batches = [self._read(request) for request in requests]
        if self._batched:
            return self._answer(batches)
        return [response for batch in batches for response in self._answer([batch])]

    def _answer(self, batches: Sequence[_Arrays]) -> list[Any]:
        try:
            outputs = self._runner.run(concatenate(batches))
            parts = split(outputs, sizes(batches)) if self._batched else [outputs]
        except Exception as error:  # noqa: BLE001 - the client must hear of it, whatever it is
            refusal = pb_utils.TritonError(f"{type(error).__name__}: {error}")
            return [pb_utils.InferenceResponse([], refusal) for _ in batches]
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor(*named) for named in part.items()])
            for part in parts
        ]

    def _read(self, request: Any) -> _Arrays:
        return {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in self._inputs
        }


def placed(settings: Mapping[str, Any], instance: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings for the device that Triton gives an instance.

    They name no device, which means the first.
    """
    number = instance.get("model_instance_device_id", "0")
    if instance.get("model_instance_kind") != "GPU" or number == "0":
        return dict(settings)
    if "providers" not in settings:
        return {**settings, "device": f"cuda:{number}"}
    providers = [
        [name, {**options, "device_id": number} if name in _ON_DEVICES else options]
        for name, options in settings["providers"]
    ]
    return {**settings, "providers": providers}


def sizes(batches: Sequence[_Arrays]) -> list[int]:
    """Return how many samples each batch has."""
    return [len(next(iter(batch.values()))) for batch in batches]


def concatenate(batches: Sequence[_Arrays]) -> _Arrays:
    """Return all batches as one, along the first axis."""
    if len(batches) == 1:
        return batches[0]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def split(outputs: _Arrays, counts: Sequence[int]) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Cut outputs into parts of so many samples.

    Raises:
        ValueError: an output has another number of samples than went in.
    """
    for name, values in outputs.items():
        if len(values) != sum(counts):
            raise ValueError(
                f"output {name!r} has {len(values)} samples, {sum(counts)} went into the model"
            )
    ends = np.cumsum(counts)[:-1]
    cut = {name: np.split(values, ends) for name, values in outputs.items()}
    return [{name: parts[i] for name, parts in cut.items()} for i in range(len(counts))]

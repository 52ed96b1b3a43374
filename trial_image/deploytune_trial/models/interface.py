"""What goes into a model and what comes out, whatever the model is written in.

The first axis of every input and output is the batch and stands nowhere in a shape. `batched` is
False where the model fixes that axis: it is then served at exactly the workload's request batch,
which `load_model` has checked to be the number the model fixes. Outputs of such a model may have
another first axis, such as time: `batch_first` is then False, and its length open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Array]
"""Arrays by the name of their input or output."""


@dataclass(frozen=True)
class Tensor:
    """One input or output without its batch axis; `dtype` in numpy's words, -1 for an open axis."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    batch_first: bool = True


@dataclass(frozen=True)
class ModelInterface:
    """The inputs and outputs of a model, in its own order."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batched: bool

    def to_json(self) -> dict[str, Any]:
        """Return the interface as JSON values."""
        return {
            "inputs": [_json_of(tensor) for tensor in self.inputs],
            "outputs": [_json_of(tensor) for tensor in self.outputs],
            "batched": self.batched,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` has written."""
        return cls(
            inputs=_tensors(values["inputs"]),
            outputs=_tensors(values["outputs"]),
            batched=values["batched"],
        )


def _json_of(tensor: Tensor) -> dict[str, Any]:
    values = {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}
    return values if tensor.batch_first else {**values, "batch_first": False}


def _tensors(values: Sequence[Mapping[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(**{**item, "shape": tuple(item["shape"])}) for item in values)

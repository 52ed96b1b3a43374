"""A model that has been loaded: where it comes from, and what goes in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploytune_trial.models.interface import ModelInterface


@dataclass(frozen=True)
class LoadedModel:
    """A model by name; exactly one of its file and the function that makes its module is set."""

    name: str
    source: str
    interface: ModelInterface
    onnx_path: Path | None = None
    python_function: Callable[[], Any] | None = None

    @property
    def is_python(self) -> bool:
        """Whether a Python function makes the model."""
        return self.python_function is not None

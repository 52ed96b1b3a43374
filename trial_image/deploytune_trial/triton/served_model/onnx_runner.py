"""Runs an ONNX file with ONNX Runtime, exactly as the settings say.

ONNX Runtime takes the CPU without a word where a provider does not load, so the provider that was
asked for is asserted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

MODEL_FILE = "model.onnx"

_Arrays = Mapping[str, np.ndarray[Any, Any]]

_LEVELS = {
    "Disabled": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "Basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "Extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "All": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


class ProviderNotLoadedError(RuntimeError):
    """ONNX Runtime has taken another execution provider than the one asked for."""


class Runner:
    """One session on the model file of a folder."""

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], profile_prefix: Path | None = None
    ) -> None:
        """Create the session; `profile_prefix` makes it record which provider runs each node.

        Raises:
            ProviderNotLoadedError: another provider than the one asked for was loaded.
        """
        options = _session_options(settings)
        if profile_prefix is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile_prefix)
        providers = [_located(folder, *provider) for provider in settings["providers"]]
        self.session = onnxruntime.InferenceSession(
            folder / MODEL_FILE, options, providers=providers, enable_fallback=False
        )
        self._outputs = [output["name"] for output in settings["outputs"]]
        wanted, loaded = providers[0][0], self.session.get_providers()[0]
        if loaded != wanted:
            raise ProviderNotLoadedError(f"{wanted} was asked for, ONNX Runtime loaded {loaded}")

    def run(self, inputs: _Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Return the outputs for one batch."""
        values = self.session.run(self._outputs, dict(inputs))
        return dict(zip(self._outputs, values, strict=True))


def _located(folder: Path, name: str, options: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a provider with its paths, which are relative to the folder, made absolute."""
    return name, {
        option: str(folder / value) if option.endswith("_path") else value
        for option, value in options.items()
    }


def _session_options(settings: Mapping[str, Any]) -> Any:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = _LEVELS[settings["graph_optimization"]]
    options.intra_op_num_threads = settings["intra_op_threads"]
    options.inter_op_num_threads = 1
    spinning = "1" if settings["allow_spinning"] else "0"
    options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    return options

"""Build an ONNX variant: convert the file, prove that it runs, note what runs it.

The proof is the served model's own runner with the served model's own settings. What ONNX Runtime
cannot run is found here, with its reason, and not by a server that does not get ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime

from deploytune.contract.outcomes import Cause
from deploytune_trial.build.artefacts import OUTPUT_SHAPES, Artefact
from deploytune_trial.build.device_needs import check_device
from deploytune_trial.build.graphs.conversions import Conversion, convert
from deploytune_trial.build.onnx.providers import (
    ENGINES_FOLDER,
    check_built_in,
    check_used,
    chosen_provider,
    node_facts,
    nodes_by_provider,
    not_loaded,
    provider_settings,
    why_device_fails,
    why_library_fails,
)
from deploytune_trial.build.variants import Variant, common_settings
from deploytune_trial.failures import failing_as
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.onnx_models import declared_sizes
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.triton.served_model.onnx_runner import (
    MODEL_FILE,
    ProviderNotLoadedError,
    Runner,
)


def build_onnx(variant: Variant, model: LoadedModel, folder: Path) -> Artefact:
    """Build one variant of an ONNX file into `folder`.

    Raises:
        TrialFailure: Crashed/BuildFailed or Crashed/Unsupported; Misconfigured, Infrastructure or
            Invalid where the execution provider that was asked for does not run the model.
    """
    assert model.onnx_path is not None
    provider = chosen_provider(variant)
    check_provider(variant, provider)
    conversion = Conversion(
        model.onnx_path,
        folder / MODEL_FILE,
        variant.calibration,
        per_channel=variant.text("quantizationGranularity") == "PerChannel",
        for_tensorrt=provider == "TensorRT",
    )
    convert(conversion, variant.precision)
    settings: dict[str, Any] = {
        **common_settings(variant, model.interface),
        "providers": provider_settings(variant, model.interface),
        "graph_optimization": variant.text("graphOptimization"),
    }
    with failing_as(Cause.UNSUPPORTED, f"{variant.precision} of {model.name}"):
        facts, shapes = _prove(folder, settings, provider, model, variant)
    settings[OUTPUT_SHAPES] = shapes
    # External data lies beside the model, under its name and a suffix.
    found = [*folder.glob(f"{MODEL_FILE}*"), *folder.glob(f"{ENGINES_FOLDER}/*")]
    files = {str(path.relative_to(folder)): path for path in sorted(found)}
    size = sum(path.stat().st_size for path in files.values())
    return Artefact(variant.backend, files, settings, model.interface, size, facts)


def check_provider(variant: Variant, provider: str) -> None:
    """Refuse a provider that cannot run here, before any time is spent on converting.

    Raises:
        TrialFailure: Misconfigured or Infrastructure.
    """
    if provider == "CPU":
        return
    available = onnxruntime.get_available_providers()
    check_built_in(provider, available, onnxruntime.__version__)
    check_device(variant, "executionProvider", provider)


def _prove(
    folder: Path,
    settings: Mapping[str, Any],
    provider: str,
    model: LoadedModel,
    variant: Variant,
) -> tuple[dict[str, str | int | float], dict[str, list[int]]]:
    """Run one batch; return which provider ran what share of the nodes, and the output's shapes.

    The shapes are those of the built file, which need not be the model's.
    """
    runner = _runner(folder, settings, provider)
    runner.run(synthetic_samples(model.interface.inputs, variant.proof_batch))
    nodes = nodes_by_provider(Path(runner.session.end_profiling()))
    check_used(provider, nodes)
    outputs = runner.session.get_outputs()
    return node_facts(provider, nodes), {node.name: list(declared_sizes(node)) for node in outputs}


def _runner(folder: Path, settings: Mapping[str, Any], provider: str) -> Runner:
    try:
        return Runner(folder, settings, profile_prefix=folder / "profile")
    except ProviderNotLoadedError as error:
        raise not_loaded(str(error), why_library_fails(provider)) from error
    except Exception as error:
        if provider == "CPU":
            raise
        # Of a library that does not load, ONNX Runtime says what to install, not what is lacking.
        reason = why_library_fails(provider) or why_device_fails(error)
        if reason is None:
            raise
        raise not_loaded(f"executionProvider {provider} does not load", reason) from error

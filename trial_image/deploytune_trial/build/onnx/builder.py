"""Build an ONNX variant: convert the file, prove that it runs, note what runs it.

The proof is the served model's own runner with the served model's own settings. What ONNX Runtime
cannot run is found here, with its reason, and not by a server that does not get ready.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploytune.contract.outcomes import Cause
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.build.onnx.conversions import Conversion, convert
from deploytune_trial.build.variants import Variant, common_settings
from deploytune_trial.failures import failing_as
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.triton.served_model.onnx_runner import MODEL_FILE, Runner

CPU_PROVIDER = "CPUExecutionProvider"


def build_onnx(variant: Variant, model: LoadedModel, folder: Path) -> Artefact:
    """Build one variant of an ONNX file into `folder`.

    Raises:
        TrialFailure: Crashed/BuildFailed or Crashed/Unsupported.
    """
    assert model.onnx_path is not None
    conversion = Conversion(model.onnx_path, folder / MODEL_FILE, variant.calibration)
    convert(conversion, variant.precision)
    settings = {
        **common_settings(variant, model.interface),
        "providers": [CPU_PROVIDER],
        "graph_optimization": variant.graph_optimization,
    }
    # External data lies beside the model, under its name and a suffix.
    files = {path.name: path for path in sorted(folder.glob(f"{MODEL_FILE}*"))}
    with failing_as(Cause.UNSUPPORTED, f"{variant.precision} of {model.name}"):
        facts = _prove(folder, settings, model, variant)
    size = sum(path.stat().st_size for path in files.values())
    return Artefact(variant.backend, files, settings, model.interface, size, facts)


def _prove(
    folder: Path, settings: Mapping[str, Any], model: LoadedModel, variant: Variant
) -> dict[str, str | int | float]:
    """Run one batch; return which provider was loaded and what share of the nodes it ran."""
    runner = Runner(folder, settings, profile_prefix=folder / "profile")
    runner.run(synthetic_samples(model.interface.inputs, variant.proof_batch))
    nodes = nodes_by_provider(Path(runner.session.end_profiling()))
    total = sum(nodes.values())
    return {
        "provider": runner.session.get_providers()[0],
        "nodes": total,
        "nodesCpuShare": nodes[CPU_PROVIDER] / total if total else 1.0,
    }


def nodes_by_provider(profile: Path) -> Counter[str]:
    """Count the nodes that each provider ran, from ONNX Runtime's profile of one run."""
    events = json.loads(profile.read_text())
    return Counter(
        event["args"]["provider"]
        for event in events
        if event.get("cat") == "Node" and event["args"].get("provider")
    )

"""When a Python function makes the same model as before, and when it does not."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from onnx_builders import a_model_request

from deploytune_trial.build.cache.digests import digest_of_model
from deploytune_trial.build.cache.keys import build_parts, key_of
from deploytune_trial.environment import TrialEnvironment
from deploytune_trial.kept_builds import KeptBuilds
from deploytune_trial.models.loading import load_model
from deploytune_trial.serving import Serving

torch = pytest.importorskip("torch", reason="PyTorch is not installed: deploytune[torch]")

pytestmark = pytest.mark.torch

SOURCE = """
import json
from pathlib import Path

import torch
from torch import nn


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        values = json.loads(Path(__file__).with_name("values.json").read_text())
        self.register_buffer("factor", torch.tensor([values["factor"]]), persistent=False)
        self.weight = nn.Parameter(torch.full((4,), values["weight"]))

    def forward(self, x):
        return (x * self.weight).sum(dim=1, keepdim=True) OPERATOR self.factor


def build():
    return Scaled()
"""
LIKE_BEFORE: dict[str, Any] = {"factor": 2.0, "weight": 0.5, "operator": "*"}


def loaded(folder: Path, parameters: dict[str, Any] | None = None, **changes: Any) -> Any:
    values = {**LIKE_BEFORE, **changes}
    (folder / "scaled_module.py").write_text(SOURCE.replace("OPERATOR", values["operator"]))
    (folder / "values.json").write_text(json.dumps(values))
    sys.modules.pop("scaled_module", None)
    importlib.invalidate_caches()
    inputs = [{"name": "x", "shape": [4]}]
    request = a_model_request("python:scaled_module:build", parameters, inputs=inputs)
    return request, load_model(request)


@pytest.fixture(autouse=True)
def _module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def test_the_same_function_makes_the_same_model(tmp_path: Path) -> None:
    assert digest_of_model(loaded(tmp_path)[1]) == digest_of_model(loaded(tmp_path)[1])


@pytest.mark.parametrize(
    "change",
    [{"weight": 0.25}, {"factor": 3.0}, {"operator": "+"}],
    ids=["a weight", "a buffer that is not saved", "what forward does"],
)
def test_another_model_has_another_digest(tmp_path: Path, change: dict[str, Any]) -> None:
    assert digest_of_model(loaded(tmp_path)[1]) != digest_of_model(loaded(tmp_path, **change)[1])


def test_a_model_whose_weights_cannot_be_digested_does_without_the_cache(tmp_path: Path) -> None:
    request, model = loaded(tmp_path)
    module = torch.nn.Module()
    module.register_buffer("sparse", torch.eye(2).to_sparse())
    model = replace(model, python_function=lambda: module)
    environment = TrialEnvironment.read(
        {"DEPLOYTUNE_TRIAL": "{}", "DEPLOYTUNE_ARTEFACT_CACHE": str(tmp_path / "cache")}
    )
    facts: dict[str, Any] = {}
    kept = KeptBuilds(request, facts)
    kept.open(environment, model, Serving.choose(request, model.interface, cpus=2))

    assert facts["artefactCache"].startswith("Off: ")
    assert kept.fetch(tmp_path / "build") is None


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [({}, True), ({"compile": "Compiled"}, False)],
    ids=["eager modules do not", "compiled ones do"],
)
def test_a_build_depends_on_the_threads_it_will_be_served_with(
    tmp_path: Path, parameters: dict[str, Any], *, expected: bool
) -> None:
    keys = []
    for threads in (1, 2):
        request, model = loaded(tmp_path, {**parameters, "intraOpThreads": threads})
        serving = Serving.choose(request, model.interface, cpus=2)
        keys.append(key_of(build_parts(request, model, serving)))

    assert expected is (keys[0] == keys[1])

"""Whole trials on an NVIDIA device through a real Triton; skipped, with the reason, without one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx_builders
import onnxruntime
import pytest
from trial_builders import LOAD, metrics_of_devices
from trial_processes import TrialProcess, a_trial_of_an_mlp

from deploytune.contract.errors import MachineError
from deploytune.contract.metrics import metric_key
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import Resources
from deploytune_trial.devices.driver import visible_cuda_devices
from deploytune_trial.triton.installation import find_triton

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(300),
    pytest.mark.skipif(visible_cuda_devices() == 0, reason="no NVIDIA device is found"),
]

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs PyTorch: deploytune[torch]"
)
needs_cuda_provider = pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="needs onnxruntime-gpu",
)
_MODULES = [Path(__file__).parent, Path(__file__).parents[1] / "pytorch"]
_HOLD = """
import sys, torch
held = torch.ones(2**28, device="cuda")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialProcess:
    """A trial of a small ONNX network that is promised one device."""
    try:
        find_triton()
    except MachineError as error:
        pytest.skip(str(error))
    for folder in _MODULES:
        monkeypatch.syspath_prepend(folder)
    trial = a_trial_of_an_mlp(tmp_path)
    trial.patience_seconds = 240.0
    trial.request["resources"] = Resources(accelerators={"nvidia.com/gpu": 1})
    trial.variables["PYTHONPATH"] = ":".join([*map(str, _MODULES), *sys.path])
    return trial


def of_torch(trial: TrialProcess, function: str) -> TrialProcess:
    """The same trial with a torch module."""
    del trial.workload["evaluationData"]
    trial.workload["models"] = [{"name": "net", "source": f"python:{function}"}]
    trial.workload["inputs"] = [{"name": "x", "shape": [4]}]
    return trial


@needs_torch
@pytest.mark.parametrize(
    "parameters",
    [
        {"compile": "Eager"},
        {"compile": "Eager", "precision": "fp16", "instances": 2},
        {"compile": "Eager", "precision": "int8-dynamic"},
        {"compile": "Compiled", "precision": "bf16"},
        {"compile": "AOTInductor"},
    ],
    ids=lambda parameters: " ".join(map(str, parameters.values())),
)
def test_a_torch_module_is_served_on_a_device_and_the_device_measured(
    trial: TrialProcess, parameters: dict[str, Any]
) -> None:
    report = of_torch(trial, "modules_on_devices:build_deep_mlp").run(
        parameters={"maxBatchSize": 8, **parameters}
    )

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert metrics_of_devices() <= report.metrics.keys()
    assert report.metrics["gpu_memory_mib"].value > 50  # a context of CUDA alone is more
    assert 20 < report.metrics[metric_key("gpu_power_watts", LOAD)].value < 3000
    assert report.facts["device"] == "cuda"


@needs_cuda_provider
@pytest.mark.parametrize("provider", ["CUDA", "TensorRT"])
def test_an_onnx_file_is_served_on_a_device(trial: TrialProcess, provider: str) -> None:
    report = trial.run(parameters={"executionProvider": provider, "maxBatchSize": 8})

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert float(report.facts["nodesCpuShare"]) < 1
    assert report.metrics["gpu_memory_mib"].value > 50
    assert report.metrics["output_drift"].value < 0.01  # TensorFloat-32 is allowed


@needs_torch
def test_a_module_that_wants_more_memory_than_the_device_has_is_out_of_memory(
    trial: TrialProcess,
) -> None:
    report = of_torch(trial, "modules_on_devices:build_greedy").run()

    assert (report.outcome, report.cause) == (OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY)


@needs_cuda_provider
def test_a_network_that_wants_more_memory_than_the_device_has_is_out_of_memory(
    trial: TrialProcess, tmp_path: Path
) -> None:
    # A quarter of a gibibyte for each sample: loading runs two of them on the CPU.
    greedy = onnx_builders.saved(onnx_builders.a_greedy_network(2**26), tmp_path, "greedy.onnx")
    trial.workload["models"] = [{"name": "net", "source": greedy}]
    del trial.workload["evaluationData"]
    report = trial.run(parameters={"executionProvider": "CUDA", "maxBatchSize": 4096})

    assert (report.outcome, report.cause) == (OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY)


@needs_torch
def test_a_fault_of_the_programs_own_ends_the_trial_as_crashed(trial: TrialProcess) -> None:
    report = of_torch(trial, "modules_on_devices:build_out_of_bounds").run()

    assert report.outcome is OutcomeKind.CRASHED
    assert report.cause is not Cause.OUT_OF_MEMORY


@pytest.fixture
def somebody_else() -> Iterator[None]:
    """A process that has a gibibyte of the device."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate()


@needs_torch
@pytest.mark.usefixtures("somebody_else")
def test_a_device_that_somebody_else_uses_is_refused(trial: TrialProcess) -> None:
    report = trial.run(parameters={"executionProvider": "CPU"})

    assert (report.outcome, report.cause) == (OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT)
    assert "in use" in report.message

"""What makes two builds the same build, and what does not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from device_builders import an_identity
from onnx_builders import FEATURES, a_model_request, an_mlp, samples_file, saved
from trial_builders import P95

import deploytune_trial.build.building as building_module
import deploytune_trial.verify.verifying as verify_module
from deploytune.contract.limits import Limit
from deploytune.contract.request import TrialRequest
from deploytune.contract.workload import Evaluation, ModelSource
from deploytune_trial.build.cache.digests import digest_of_model, own_code
from deploytune_trial.build.cache.keys import (
    baked_values,
    build_parameters,
    build_parts,
    key_of,
    machine_parts,
    verification_parts,
)
from deploytune_trial.build.cache.machine import cpu_of, library_versions
from deploytune_trial.models.loading import load_model
from deploytune_trial.serving import Serving


def parts_of(folder: Path, parameters: Mapping[str, Any] | None = None, **more: Any) -> Any:
    request = a_model_request(saved(an_mlp(), folder), parameters, **more)
    model = load_model(request)
    return build_parts(request, model, Serving.choose(request, model.interface, cpus=2))


def key(folder: Path, parameters: Mapping[str, Any] | None = None, **more: Any) -> str:
    return key_of(parts_of(folder, parameters, **more))


@pytest.mark.parametrize(
    "parameters",
    [
        {"instances": 4},
        {"maxBatchSize": 16, "maxQueueDelayMicroseconds": 500},
        {"intraOpThreads": 3},
        {"precision": "fp32", "graphOptimization": "All", "backend": "onnxruntime"},
    ],
    ids=["instances", "batching", "threads", "what is the default anyway"],
)
def test_how_it_is_served_changes_no_build(tmp_path: Path, parameters: dict[str, Any]) -> None:
    assert key(tmp_path) == key(tmp_path, parameters)


@pytest.mark.parametrize(
    "parameters", [{"precision": "fp16"}, {"graphOptimization": "Basic"}], ids=str
)
def test_what_the_builder_reads_changes_it(tmp_path: Path, parameters: dict[str, Any]) -> None:
    assert key(tmp_path) != key(tmp_path, parameters)


def test_another_content_of_the_same_file_is_another_model(tmp_path: Path) -> None:
    before = key(tmp_path)
    model = an_mlp()
    model.graph.initializer[0].raw_data = bytes(len(model.graph.initializer[0].raw_data))
    request = a_model_request(saved(model, tmp_path))
    loaded = load_model(request)
    after = key_of(build_parts(request, loaded, Serving.choose(request, loaded.interface, 2)))

    assert before != after


def test_weights_beside_the_file_belong_to_the_model(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(an_mlp(), path, save_as_external_data=True, location="net.weights", size_threshold=0)
    model = load_model(a_model_request(str(path)))
    before = digest_of_model(model)

    weights = bytearray((tmp_path / "net.weights").read_bytes())
    weights[0] ^= 1
    (tmp_path / "net.weights").write_bytes(weights)

    assert before != digest_of_model(model)


def test_calibration_data_belongs_to_a_build(tmp_path: Path) -> None:
    static = {"precision": "int8-static"}
    keys = []
    for seed in (1, 2):
        values = np.random.default_rng(seed).standard_normal((8, FEATURES)).astype(np.float32)
        data = samples_file(tmp_path, x=values)
        keys.append(key(tmp_path, static, calibrationData=data))

    assert keys[0] != keys[1]


def test_the_key_says_with_which_libraries_and_on_which_devices(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)

    assert "onnxruntime" in parts["libraries"]
    assert parts["devices"]["cpu"]


def on_devices(folder: Path, *, asked: int, **identity: Any) -> str:
    request = asking_for(asked, folder)
    model = load_model(request)
    serving = Serving.choose(request, model.interface, cpus=2)
    claimed = [an_identity(**identity)] * asked
    parts = build_parts(request, model, serving, claimed)
    assert parts.items() >= machine_parts(request, claimed).items()
    return key_of(parts)


@pytest.mark.parametrize("bindings", ["tensorrt-cu12-bindings", "tensorrt-cu13-bindings"])
def test_the_tensorrt_of_an_image_is_among_the_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bindings: str
) -> None:
    folder = tmp_path / f"{bindings.replace('-', '_')}-11.4.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {bindings}\nVersion: 11.4.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TRT_VERSION", "11.4.0.106")
    library_versions.cache_clear()
    versions = library_versions()
    library_versions.cache_clear()

    assert ("11.4.0", "11.4.0.106") == (versions[bindings], versions["TRT_VERSION"])


def asking_for(devices: int, folder: Path) -> TrialRequest:
    request = a_model_request(saved(an_mlp(), folder))
    accelerators = {"nvidia.com/gpu": devices} if devices else {}
    resources = request.resources.model_copy(update={"accelerators": accelerators})
    return request.model_copy(update={"resources": resources})


def test_a_build_for_the_cpu_is_none_for_a_gpu_whatever_is_seen(tmp_path: Path) -> None:
    seen = [an_identity()]
    on_cpu, on_gpu = (machine_parts(asking_for(asked, tmp_path), seen) for asked in (0, 1))

    assert on_cpu != on_gpu
    assert on_devices(tmp_path, asked=0) != on_devices(tmp_path, asked=1)


@pytest.mark.parametrize(
    "other", [{"product": "B2"}, {"mig_profile": "1g.5gb"}, {"driver": "580.2"}], ids=str
)
def test_a_build_holds_on_devices_like_its_own(tmp_path: Path, other: dict[str, str]) -> None:
    assert on_devices(tmp_path, asked=1) != on_devices(tmp_path, asked=1, **other)
    assert on_devices(tmp_path, asked=1) == on_devices(tmp_path, asked=1, uuid="GPU-2")


def a_source(*, is_python: bool) -> ModelSource:
    return ModelSource(name="net", source="python:nets:make" if is_python else "net.onnx")


SERVING = Serving(1, 16, 0, 3, allow_spinning=False)


@pytest.mark.parametrize(
    ("parameters", "is_python", "baked"),
    [
        pytest.param({"precision": "fp16"}, False, {}, id="an ONNX file has nothing baked in"),
        pytest.param({}, True, {}, id="nor has an eager module"),
        pytest.param(
            {"compile": "Compiled"}, True, {"intraOpThreads": 3}, id="a compiler bakes in threads"
        ),
        pytest.param(
            {"backend": "tensorrt"},
            False,
            {"maxBatchSize": 16, "requestBatch": 4},
            id="TensorRT builds for the batches it will see",
        ),
    ],
)
def test_some_builders_bake_in_how_the_model_is_served(
    parameters: dict[str, Any], *, is_python: bool, baked: dict[str, int]
) -> None:
    assert baked == baked_values(
        build_parameters(parameters, a_source(is_python=is_python)), SERVING, request_batch=4
    )


def evaluated(folder: Path, parameters: Mapping[str, Any] | None = None, seed: int = 1) -> Any:
    values = np.random.default_rng(seed).standard_normal((8, FEATURES)).astype(np.float32)
    data = samples_file(folder, x=values, label=np.zeros(8, np.int64))
    return a_model_request(saved(an_mlp(), folder), parameters, evaluationData=data)


def answers_key(request: TrialRequest, served_by: str = "python") -> str:
    parts = verification_parts(request, served_by)
    assert parts is not None
    return key_of(parts)


def test_the_same_data_gives_the_same_answers_however_many_instances(tmp_path: Path) -> None:
    assert answers_key(evaluated(tmp_path)) == answers_key(evaluated(tmp_path, {"instances": 4}))


def test_a_limit_on_latency_does_not_change_the_answers(tmp_path: Path) -> None:
    request = evaluated(tmp_path)
    limited = request.model_copy(update={"limits": (Limit(metric=P95, max=1.0),)})

    assert answers_key(request) == answers_key(limited)


def test_a_limit_on_accuracy_decides_how_long_is_looked(tmp_path: Path) -> None:
    request = evaluated(tmp_path)
    limited = request.model_copy(update={"limits": (Limit(metric="accuracy", min=0.9),)})

    assert answers_key(request) != answers_key(limited)


@pytest.mark.parametrize(
    ("changed", "served_by"),
    [({"maxBatchSize": 8}, "python"), ({}, "onnxruntime")],
    ids=["another batch", "another backend of Triton"],
)
def test_what_may_move_an_answer_is_told_apart(
    tmp_path: Path, changed: dict[str, Any], served_by: str
) -> None:
    assert answers_key(evaluated(tmp_path)) != answers_key(evaluated(tmp_path, changed), served_by)


def test_other_data_are_other_answers(tmp_path: Path) -> None:
    assert answers_key(evaluated(tmp_path, seed=1)) != answers_key(evaluated(tmp_path, seed=2))


@pytest.mark.parametrize("changed", ["scores.py", "scores_behind.py"])
def test_a_function_is_known_by_all_that_it_may_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "scores.py").write_text("import scores_behind\n\ndef score(*_): return 1.0\n")
    (tmp_path / "scores_behind.py").write_text("FACTOR = 1\n")
    request = evaluated(tmp_path)
    evaluation = Evaluation(function="python:scores:score")
    workload = request.workload.model_copy(update={"evaluation": evaluation})
    request = request.model_copy(update={"workload": workload})
    for name in ("scores", "scores_behind"):
        sys.modules.pop(name, None)
    import_module("scores")
    before = answers_key(request)

    assert before == answers_key(request)
    with (tmp_path / changed).open("a") as file:
        file.write("# changed\n")
    assert before != answers_key(request)


def test_every_module_that_builds_or_verifies_is_part_of_a_key() -> None:
    own = ("deploytune_trial", "deploytune.contract")
    loaded = {
        Path(str(module.__file__))
        for name, module in sys.modules.items()
        if name.startswith(own) and getattr(module, "__file__", None)
    }

    assert loaded >= {Path(str(verify_module.__file__)), Path(str(building_module.__file__))}
    assert loaded <= set(own_code())


def test_samples_that_are_made_up_anew_give_no_answers_to_keep(tmp_path: Path) -> None:
    assert verification_parts(a_model_request(saved(an_mlp(), tmp_path)), "python") is None


def test_a_cpu_is_known_by_its_name_and_its_abilities() -> None:
    info = "processor\t: 0\nmodel name\t: EPYC 7B13\nflags\t\t: avx2 sse\n\nprocessor\t: 1\n"

    assert cpu_of(info)["cpu"] == "EPYC 7B13"
    assert cpu_of(info) == cpu_of(info.replace("avx2 sse", "sse avx2"))
    assert cpu_of(info) != cpu_of(info.replace("avx2", "avx512_vnni"))

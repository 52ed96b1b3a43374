"""The names that engines are built with, held against the type stubs of TensorRT 10.

The stubs are read line by line: as Python they do not parse, a parameter of theirs is called `in`.
"""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest

_STUBS = "tensorrt-stubs"
_CLASS = re.compile(r"class (\w+)")
_MEMBER = re.compile(r"    (?:def )?(\w+)[(:]")

USED = {
    "Builder": {
        "build_serialized_network",
        "create_builder_config",
        "create_network",
        "create_optimization_profile",
    },
    "BuilderFlag": {"FP16", "BF16", "FP8", "INT8", "TF32", "VERSION_COMPATIBLE"},
    "HardwareCompatibilityLevel": {"AMPERE_PLUS", "SAME_COMPUTE_CAPABILITY"},
    "IBuilderConfig": {
        "add_optimization_profile",
        "builder_optimization_level",
        "clear_flag",
        "create_timing_cache",
        "get_timing_cache",
        "hardware_compatibility_level",
        "set_flag",
        "set_memory_pool_limit",
        "set_timing_cache",
    },
    "ICudaEngine": {"create_execution_context", "device_memory_size_v2"},
    "ILogger": {"log", "ERROR", "INTERNAL_ERROR"},
    "IOptimizationProfile": {"set_shape"},
    "ITimingCache": {"serialize"},
    "MemoryPoolType": {"WORKSPACE"},
    "NetworkDefinitionCreationFlag": {"STRONGLY_TYPED"},
    "OnnxParser": {"get_error", "num_errors", "parse_from_file"},
    "ParserError": {"code", "desc"},
    "Runtime": {"deserialize_cuda_engine", "engine_host_code_allowed"},
}


@pytest.fixture(scope="module")
def declared() -> dict[str, set[str]]:
    try:
        files = importlib.metadata.files(_STUBS) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("tensorrt-stubs is not installed: pip install --no-deps tensorrt-stubs")
    stub = next(file for file in files if file.name == "tensorrt.pyi")
    found: dict[str, set[str]] = {}
    kind = ""
    for line in Path(str(stub.locate())).read_text().splitlines():
        if opening := _CLASS.match(line):
            kind = opening[1]
        elif kind and (member := _MEMBER.match(line)):
            found.setdefault(kind, set()).add(member[1])
    return found


@pytest.mark.parametrize("kind", USED)
def test_tensorrt_has_what_is_asked_of_it(declared: dict[str, set[str]], kind: str) -> None:
    assert USED[kind] - declared[kind] == set()

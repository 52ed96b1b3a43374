"""Build a TensorRT engine of an ONNX file and prove that it runs.

Thin on purpose: what to ask stands in plans, what TensorRT's words mean in messages. An engine is
tied to the device and the version that made it, so both are among its facts.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from deploytune.contract.outcomes import Cause
from deploytune_trial.build.artefacts import HOST_CODE, Artefact
from deploytune_trial.build.device_needs import check_device
from deploytune_trial.build.tensorrt.messages import (
    ParserError,
    failure_of_builder,
    failure_of_parser,
)
from deploytune_trial.build.tensorrt.plans import EnginePlan, plan_engine
from deploytune_trial.build.tensorrt.typed_graphs import write_graph
from deploytune_trial.build.tensorrt.versions import check_version
from deploytune_trial.build.variants import Variant, common_settings
from deploytune_trial.failures import crashed, missing_dependency
from deploytune_trial.models.loaded import LoadedModel

ENGINE_FILE = "model.plan"
TIMING_CACHE_FILE = "timing.cache"
_GRAPH_FILE = "graph.onnx"
_REMEDY = "use the trial image for GPUs"


def build_engine(variant: Variant, model: LoadedModel, folder: Path) -> Artefact:
    """Build an engine of an ONNX file into `folder`.

    Raises:
        TrialFailure: Crashed with what TensorRT says, Misconfigured for a TensorRT that is missing
            or not Triton's, Infrastructure for a device that was promised and is not there.
    """
    assert model.onnx_path is not None
    check_device(variant, "backend", variant.backend)
    tensorrt = _import_tensorrt()
    check_version(tensorrt.__version__)
    plan = plan_engine(variant, model.interface, tensorrt.__version__)
    graph = folder / _GRAPH_FILE
    tool = write_graph(model.onnx_path, graph, plan.graph_precision, variant)
    logger = _logger(tensorrt)
    engine = _build(tensorrt, logger, plan, graph, folder / TIMING_CACHE_FILE)
    (folder / ENGINE_FILE).write_bytes(engine)
    facts: dict[str, str | int | float] = {
        "provider": "TensorRT",
        "tensorrtVersion": str(tensorrt.__version__),
        "precisionBy": tool,
        "engineDeviceMib": _prove(tensorrt, logger, plan, engine) / 2**20,
    }
    files = {ENGINE_FILE: folder / ENGINE_FILE}
    settings = {
        **common_settings(variant, model.interface),
        HOST_CODE: plan.carries_host_code,
    }
    return Artefact(variant.backend, files, settings, model.interface, len(engine), facts)


def _import_tensorrt() -> Any:
    # Imported by name: its types are of one version, and this code is for two.
    try:
        tensorrt = import_module("tensorrt")
    except (ImportError, OSError) as error:
        raise missing_dependency("TensorRT for Python", f"{_REMEDY} ({error})") from error
    if not hasattr(tensorrt, "Builder"):  # a package of type stubs alone can be imported too
        raise missing_dependency("TensorRT for Python", _REMEDY)
    return tensorrt


def _logger(tensorrt: Any) -> Any:
    class Logger(tensorrt.ILogger):  # type: ignore[misc] # the base is known at run time only
        """Keeps errors, in their order."""

        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, msg: str) -> None:
            if severity in {self.INTERNAL_ERROR, self.ERROR}:
                self.errors.append(msg)

    return Logger()


def _build(tensorrt: Any, logger: Any, plan: EnginePlan, graph: Path, cache: Path) -> bytes:
    """Return the serialised engine; the timing cache is read where it is, and written anew."""
    builder = tensorrt.Builder(logger)
    network = builder.create_network(_network_flags(tensorrt, plan))
    parser = tensorrt.OnnxParser(network, logger)
    # By file, so that weights beside the graph are found.
    if not parser.parse_from_file(str(graph)):
        raise failure_of_parser(_parser_errors(parser))
    config = builder.create_builder_config()
    configure(tensorrt, config, plan)
    config.add_optimization_profile(_profile(builder, plan))
    timings = config.create_timing_cache(cache.read_bytes() if cache.exists() else b"")
    config.set_timing_cache(timings, ignore_mismatch=False)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise failure_of_builder(logger.errors)
    cache.write_bytes(bytes(config.get_timing_cache().serialize()))
    return bytes(engine)


def configure(tensorrt: Any, config: Any, plan: EnginePlan) -> None:
    """Put a plan's flags, limits and levels into a builder's configuration.

    Raises:
        TrialFailure: Crashed/Unsupported, this TensorRT does not know one of them.
    """
    for name in plan.flags_set:
        config.set_flag(_member(tensorrt, "BuilderFlag", name))
    for name in plan.flags_cleared:
        config.clear_flag(_member(tensorrt, "BuilderFlag", name))
    if plan.workspace_bytes is not None:
        config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, plan.workspace_bytes)
    if plan.optimization_level is not None:
        config.builder_optimization_level = plan.optimization_level
    if plan.hardware_level is not None:
        level = _member(tensorrt, "HardwareCompatibilityLevel", plan.hardware_level)
        config.hardware_compatibility_level = level


def _member(tensorrt: Any, kind: str, name: str) -> Any:
    found = getattr(getattr(tensorrt, kind), name, None)
    if found is None:
        message = f"TensorRT {tensorrt.__version__} has no {kind}.{name}"
        raise crashed(Cause.UNSUPPORTED, message)
    return found


def _network_flags(tensorrt: Any, plan: EnginePlan) -> int:
    # TensorRT 11 has no such flag any more: its networks are strongly typed.
    flag = getattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 1 << int(flag) if plan.strongly_typed and flag is not None else 0


def _profile(builder: Any, plan: EnginePlan) -> Any:
    profile = builder.create_optimization_profile()
    for one in plan.inputs:
        profile.set_shape(one.name, one.smallest, one.fastest, one.largest)
    return profile


def _parser_errors(parser: Any) -> list[ParserError]:
    errors = (parser.get_error(place) for place in range(parser.num_errors))
    return [ParserError(error.code().name, error.desc()) for error in errors]


def runtime_for(tensorrt: Any, logger: Any, plan: EnginePlan) -> Any:
    """Return what loads a plan's engine: TensorRT refuses one with code for the host by default."""
    runtime = tensorrt.Runtime(logger)
    # The engine is our own build: its code is TensorRT's, which has run already.
    runtime.engine_host_code_allowed = plan.carries_host_code
    return runtime


def _prove(tensorrt: Any, logger: Any, plan: EnginePlan, engine: bytes) -> int:
    """Load the engine and make a context of it, which takes its device memory; return its bytes.

    The first batch runs in Triton's warm-up, which every shape goes through.
    """
    loaded = runtime_for(tensorrt, logger, plan).deserialize_cuda_engine(engine)
    context = None if loaded is None else loaded.create_execution_context()
    if context is None:
        raise failure_of_builder(logger.errors)
    return int(loaded.device_memory_size_v2)

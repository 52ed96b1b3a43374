"""The stages of a trial, in their order: load, build, serve, warm up, verify, measure, report.

Heavy libraries are imported where they are needed, and the gRPC client where it costs nothing:
while the build runs in its child. The machine's measurement lock is held from warm-up to the end
of the measurement; the wait for it is nobody's time.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from deploytune.contract.errors import MachineError
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.contract.workload import LoadProfile
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.building_child import BuildingChild, build_folder
from deploytune_trial.devices.claims import claim_devices
from deploytune_trial.failures import TrialFailure, failing_as
from deploytune_trial.kept_builds import KeptBuilds
from deploytune_trial.measure.generator_messages import Equipment
from deploytune_trial.measure.host_lock import hold_lock
from deploytune_trial.measure.inputs import choose_batches
from deploytune_trial.measure.memory import PeakMemory
from deploytune_trial.measure.session import MeasureSession
from deploytune_trial.measure.spread_load import GeneratorProcess, Room, open_processes
from deploytune_trial.measure.windows import Figure
from deploytune_trial.models.interface import Arrays, ModelInterface
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.loading import load_model
from deploytune_trial.report import judge
from deploytune_trial.serving import Serving
from deploytune_trial.sources.fetching import fetch_sources
from deploytune_trial.trial import Trial
from deploytune_trial.triton.configuration import ModelEntry
from deploytune_trial.triton.installation import Installation, find_triton
from deploytune_trial.triton.native import choose_backend, runs_on_gpu
from deploytune_trial.triton.repository import (
    check_place,
    keep_repository,
    serving_instructions,
    working_directory,
    write_repository,
)
from deploytune_trial.triton.server import ServerSettings, TritonServer, start_server
from deploytune_trial.verify import Infer, VerifyResult, verify
from deploytune_trial.verify.sanity import drift_of_batch, is_believable
from deploytune_trial.watchdog import heed_signals, heeding_signals

_CLIENT_MODULE = "deploytune_trial.triton.client"
REQUESTS_PER_INSTANCE = 2
"""Requests outstanding per model instance in the warm-up of loads that name no concurrency."""

_BYTES_PER_MIB = 2**20
_DEADLINE_MARGIN_SECONDS = 2.0  # a download says better than the watchdog what it lacked


@dataclass(frozen=True)
class Served:
    """A model that Triton serves."""

    model: LoadedModel
    artefact: Artefact
    entry: ModelEntry
    server: TritonServer
    kept: KeptBuilds


def run_stages(trial: Trial) -> NoReturn:
    """Take a trial through its stages to its end."""
    try:
        with failing_as(Cause.ERROR, "the trial"):
            _measure_what_is_served(trial, _build_and_serve(trial))
    except TrialFailure as failure:
        trial.fail(failure)
    trial.conclude(judge(trial.request, trial.findings))


def rebuild_repository(trial: Trial) -> NoReturn:
    """Leave the repository of a trial that was measured before, once Triton serves it."""
    try:
        with failing_as(Cause.ERROR, "the repository"):
            served = _build_and_serve(trial)
            trial.stages.enter(Stage.REPORT)
            _keep_repository(trial, served)
    except TrialFailure as failure:
        trial.fail(failure)
    trial.finish()


def _build_and_serve(trial: Trial) -> Served:
    _claim_devices(trial)
    installation = _check_machine(trial)
    fetched = fetch_sources(
        trial.request,
        trial.environment.scratch / "sources",
        trial.stages.seconds_left() - _DEADLINE_MARGIN_SECONDS,
    )
    trial.request = fetched.request
    trial.findings.facts.update(fetched.facts)
    model = load_model(trial.request)
    heed_signals()
    if model.python_function is not None:
        model = replace(model, python_function=heeding_signals(model.python_function))
    kept = KeptBuilds(trial.request, trial.findings.facts, trial.devices.identities)
    artefact = _build(trial, model, kept)
    return _serve(trial, installation, model, artefact, kept)


def _measure_what_is_served(trial: Trial, served: Served) -> None:
    try:
        _load_and_measure(trial, served)
    except MachineError as error:
        raise _misconfigured(error) from error
    except TrialFailure as failure:
        raise served.server.explain(failure) from failure
    trial.stages.enter(Stage.REPORT)
    _keep_repository(trial, served)


def _keep_repository(trial: Trial, served: Served) -> None:
    if trial.environment.repository is not None:
        version = str(trial.findings.facts["tritonVersion"])
        readme = serving_instructions(trial.request, served.entry, version)
        keep_repository(_repository(trial), trial.environment.repository, readme)


def _claim_devices(trial: Trial) -> None:
    """Take the devices that were promised before anything else touches them.

    On a machine of one's own, where measurements take turns, others may hold a device meanwhile.
    """
    is_shared = trial.request.resources.shared_devices
    is_own_machine = trial.environment.measure_lock is not None
    trial.devices = claim_devices(trial.request, may_be_shared=is_shared or is_own_machine)
    trial.findings.facts.update(trial.devices.facts())
    trial.devices.show_to_children()
    trial.devices.watch(trial.fail)


def _check_machine(trial: Trial) -> Installation:
    """Refuse at once what would only fail after the build."""
    try:
        check_place(_repository(trial))
        if trial.environment.repository is not None:
            check_place(trial.environment.repository)
        return find_triton()
    except MachineError as error:
        raise _misconfigured(error) from error


def _build(trial: Trial, model: LoadedModel, kept: KeptBuilds) -> Artefact:
    trial.stages.enter(Stage.BUILD)
    _import_client_meanwhile()
    folder = build_folder(trial.environment.scratch)
    kept.open(trial.environment, model, _serving(trial, model.interface))
    known = kept.fetch(folder)
    if known is not None:
        artefact, seconds = known.artefact, known.build_seconds
    else:
        began = time.monotonic()
        artefact = BuildingChild(trial.request, trial.environment.scratch, trial.children).result()
        seconds = time.monotonic() - began
        kept.keep(artefact, seconds, folder)
    trial.findings.figures["build_seconds"] = Figure(seconds)
    trial.findings.facts.update(artefact.facts)
    trial.findings.figures["artefact_mib"] = Figure(artefact.size_bytes / _BYTES_PER_MIB)
    return artefact


def _import_client_meanwhile() -> None:
    """Begin to import the client, which is not needed yet; whoever needs it waits for that."""
    importing = threading.Thread(
        target=importlib.import_module, args=(_CLIENT_MODULE,), name="importing", daemon=True
    )
    importing.start()


def _serving(trial: Trial, interface: ModelInterface) -> Serving:
    return Serving.choose(trial.request, interface, trial.group.cpus())


def _serve(
    trial: Trial,
    installation: Installation,
    model: LoadedModel,
    artefact: Artefact,
    kept: KeptBuilds,
) -> Served:
    trial.stages.enter(Stage.SERVE)
    trial.devices.begin_serving()
    request = trial.request
    serving = _serving(trial, artefact.interface)
    choice = choose_backend(artefact, serving, model.name, installation.installed_backends())
    entry = ModelEntry(
        model.name,
        artefact.interface,
        serving,
        request.workload.request_batch,
        choice.native,
        on_gpu=runs_on_gpu(artefact),
    )
    trial.findings.facts["tritonBackend"] = entry.served_by
    if choice.why:
        trial.findings.facts["tritonBackendWhy"] = choice.why
    write_repository(_repository(trial), entry, artefact)
    settings = ServerSettings(
        installation=installation,
        repository=_repository(trial),
        model=model.name,
        scratch=trial.environment.scratch,
        ports=trial.environment.ports,
        shared_memory_prefix=trial.environment.shared_memory_prefix,
        working_directory=working_directory(_repository(trial)),
    )
    trial.findings.facts["intraOpThreads"] = serving.intra_op_threads
    try:
        server = start_server(settings, trial.children, lambda: trial.memory_kills() > 0)
    except MachineError as error:
        raise _misconfigured(error) from error
    trial.findings.facts["tritonVersion"] = server.version()
    return Served(model, artefact, entry, server, kept)


def _load_and_measure(trial: Trial, served: Served) -> None:
    from deploytune_trial.triton.client import LoadClient, prepare_batch

    request, interface = trial.request, served.artefact.interface
    trial.stages.enter(Stage.WARM_UP)
    batches = choose_batches(
        interface, request.workload.evaluation_data, request.workload.request_batch, request.seed
    )
    prepared = [prepare_batch(batch, interface) for batch in batches]

    def open_client(profile: LoadProfile) -> LoadClient:
        timeout = profile.request_timeout_seconds
        return LoadClient(served.server.grpc_address, served.model.name, prepared, timeout)

    def room() -> Room:
        return Room(trial.group.cpus(), trial.group.memory_left_bytes())

    def open_generators(
        profile: LoadProfile, number: int
    ) -> Awaitable[tuple[GeneratorProcess, ...]]:
        timeout = profile.request_timeout_seconds
        equipment = Equipment(served.server.grpc_address, served.model.name, prepared, timeout)
        return open_processes(number, equipment, trial.children, trial.environment.scratch)

    with (
        hold_lock(trial.environment.measure_lock, trial.stages.waiting),
        PeakMemory(served.server.child.pid) as memory,
        MeasureSession(request, served.server, open_client, open_generators, room) as session,
    ):
        try:
            instances = served.entry.instances_on(len(trial.devices.identities))
            concurrency = REQUESTS_PER_INSTANCE * instances
            for load, sent in session.warm_up(concurrency).items():
                trial.findings.facts[f"warmUpRequests@{load}"] = sent
            _verify(trial, served, batches[0])
            _measure(trial, session)
        finally:
            trial.findings.figures["server_memory_mib"] = Figure(memory.peak_mib)
            trial.findings.add_values(trial.devices.figures())


def _verify(trial: Trial, served: Served, batch: Arrays) -> None:
    from deploytune_trial.triton.client import InferenceClient

    trial.stages.enter(Stage.VERIFY)
    client = InferenceClient(
        served.server.grpc_address,
        served.model.name,
        served.artefact.interface,
        trial.request.stage_deadlines.verify,
    )
    verified = _known_answers(trial, served, batch, client.infer)
    if verified is None:
        began = time.monotonic()
        verified = verify(served.model, served.artefact, trial.request, client.infer)
        served.kept.keep_answers(served.entry.served_by, verified, time.monotonic() - began)
    client.close()
    trial.findings.facts.update(verified.facts)
    trial.findings.settled = verified.settled
    for key, measured in verified.metrics.items():
        trial.findings.figures[key] = Figure(measured.value, measured.half_width)


def _known_answers(
    trial: Trial, served: Served, batch: Arrays, infer: Infer
) -> VerifyResult | None:
    """Return what is known of this build's answers, if one batch shows that it still holds."""
    if trial.request.measure_afresh:
        return None
    known = served.kept.answers(served.entry.served_by)
    if known is None:
        return None
    drift = drift_of_batch(served.model, served.artefact, batch, infer)
    if is_believable(drift, known.metrics["output_drift"].value):
        return known
    served.kept.disbelieve_answers()
    return None


def _measure(trial: Trial, session: MeasureSession) -> None:
    trial.stages.enter(Stage.MEASURE)
    before = trial.group.scheduling()
    for profile in trial.request.workload.loads:
        with trial.devices.under_load() as seen:
            result = session.measure(profile, begins_again=seen.forget)
        trial.findings.add_result(result)
        inferences = result.counted.inferences
        trial.findings.add_values(trial.devices.figures_of_load(profile.name, seen, inferences))
        share = trial.group.scheduling().throttled_share_since(before)
        trial.findings.figures["cpu_throttled_share"] = Figure(share)
        if result.run.is_hopeless:
            return


def _repository(trial: Trial) -> Path:
    return trial.environment.scratch / "repository"


def _misconfigured(error: MachineError) -> TrialFailure:
    return TrialFailure(OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY, str(error))

"""The first part of the Load stage: what the request names by URL becomes files in scratch.

Only the model that the trial serves is fetched. The download runs in a thread of its own, so that
a server that says nothing is not taken for a configuration that takes too long: a stall is the
network's, a load deadline too short for the size is the user's.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deploytune.contract.request import TrialRequest
from deploytune.contract.sources import is_url
from deploytune.contract.workload import MODEL_PARAMETER, Workload
from deploytune_trial.evaluation_data import CALIBRATION_FIELD, EVALUATION_FIELD
from deploytune_trial.failures import bad_workload
from deploytune_trial.models.loading import pick_source
from deploytune_trial.parameters import check_parameters
from deploytune_trial.sources.downloads import Progress, download
from deploytune_trial.sources.external_data import beside, external_files
from deploytune_trial.sources.refusals import unreachable

STALL_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 1.0
_DEADLINE_FIELD = "trial.stageDeadlinesSeconds.load"


@dataclass(frozen=True)
class Fetched:
    """The request with paths where it had URLs, and the digests of what was downloaded."""

    request: TrialRequest
    facts: dict[str, str]


@dataclass(frozen=True)
class _Wanted:
    """A file to download: where the tuning names it, what the report calls it, where it goes."""

    field: str
    fact: str
    url: str
    target: Path
    is_model: bool = False


def fetch_sources(
    request: TrialRequest,
    folder: Path,
    seconds: float,
    stall_seconds: float = STALL_SECONDS,
) -> Fetched:
    """Download what the request names by URL into `folder`, within so many seconds.

    Raises:
        TrialFailure: Misconfigured or Infrastructure, naming the field and the URL; a parameter
            that breaks a rule, before anything is downloaded.
    """
    source = pick_source(request.workload, request.parameters.get(MODEL_PARAMETER))
    check_parameters(request.parameters, source)
    wanted = list(_wanted(request.workload, source.name, folder))
    if not wanted:
        return Fetched(request, {})
    facts: dict[str, str] = {}
    for one in wanted:
        began = time.monotonic()
        facts |= _in_time(one, seconds, stall_seconds)
        seconds -= time.monotonic() - began
    return Fetched(request.replace(workload=_local(request.workload, wanted)), facts)


def _wanted(workload: Workload, model: str, folder: Path) -> Iterator[_Wanted]:
    for source in workload.models:
        if source.name == model and is_url(source.source):
            target = folder / "model" / _file_name(source.source)
            yield _Wanted(f"model {model}", "modelSha256", source.source, target, is_model=True)
    for field, fact, url in (
        (EVALUATION_FIELD, "evaluationDataSha256", workload.evaluation_data),
        (CALIBRATION_FIELD, "calibrationDataSha256", workload.calibration_data),
    ):
        if url is not None and is_url(url):
            yield _Wanted(field, fact, url, folder / f"{fact.removesuffix('Sha256')}.npz")


def _file_name(url: str) -> str:
    """Return the name that the file has at its place: a model's external data refers to it."""
    links = [link for link in url.split("::") if "/" in link]
    return PurePosixPath(links[0].partition("?")[0]).name if links else "model.onnx"


def _local(workload: Workload, fetched: list[_Wanted]) -> Workload:
    paths = {one.url: str(one.target) for one in fetched}

    def local(source: str | None) -> str | None:
        return source if source is None else paths.get(source, source)

    return workload.replace(
        models=tuple(
            model.replace(source=local(model.source)) if is_url(model.source) else model
            for model in workload.models
        ),
        evaluation_data=local(workload.evaluation_data),
        calibration_data=local(workload.calibration_data),
    )


def _fetch(wanted: _Wanted, progress: Progress) -> dict[str, str]:
    facts = {wanted.fact: download(wanted.field, wanted.url, wanted.target, progress)}
    beside_it = external_files(wanted.target, wanted.field) if wanted.is_model else []
    digests = []
    for name in beside_it:
        target = wanted.target.parent / name
        digest = download(wanted.field, beside(wanted.url, name), target, progress)
        digests.append(f"{digest}  {name}\n")
    if digests:
        # One digest of the list that `sha256sum` prints: there may be hundreds of files.
        facts["modelExternalDataSha256"] = hashlib.sha256("".join(digests).encode()).hexdigest()
    return facts


def _in_time(wanted: _Wanted, seconds: float, stall_seconds: float) -> dict[str, str]:
    progress = Progress()
    fetching = _in_a_thread(lambda: _fetch(wanted, progress))
    until = time.monotonic() + seconds
    while not fetching.done():
        left = until - time.monotonic()
        wait({fetching}, timeout=max(0.0, min(left, _LOOK_EVERY_SECONDS, stall_seconds)))
        if fetching.done():
            break
        if progress.idle_seconds() >= stall_seconds:
            raise unreachable(wanted.field, wanted.url, f"nothing came for {stall_seconds:g} s")
        if left <= 0:
            rule = f"must leave time for {wanted.field}, of which {progress.mib:.0f} MiB came"
            raise bad_workload(_DEADLINE_FIELD, rule, f"{seconds:.0f} s")
    return fetching.result()


def _in_a_thread(work: Callable[[], dict[str, str]]) -> Future[dict[str, str]]:
    """Run something in a thread that ends with the process, however long it would take."""
    future: Future[dict[str, str]] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="download").start()
    return future

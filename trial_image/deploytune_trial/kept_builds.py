"""What this trial takes from the artefact cache and gives to it; nothing where there is no cache.

A cache that cannot be used costs time and nothing else: whatever is wrong with it is noted among
the facts, and the trial builds and verifies by itself.

    artefactCache         Hit, Miss, or Off with the reason
    answersCache          the same of what verifying has found
    savedBuildSeconds     what the kept build took, less what fetching it took
    savedVerifySeconds    what the kept verification took
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploytune.contract.report import Measurement
from deploytune.contract.request import TrialRequest
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.build.cache.entries import ArtefactCache, KeptBuild
from deploytune_trial.build.cache.keys import (
    build_parts,
    key_of,
    machine_parts,
    verification_parts,
)
from deploytune_trial.devices.readings import Identity
from deploytune_trial.environment import TrialEnvironment
from deploytune_trial.failures import TrialFailure, first_line
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.serving import Serving
from deploytune_trial.verify import VerifyResult

COMPILER_MEMORY = "timing.cache"
"""A file in a build's folder: what its compiler may go on from, and what it leaves for the next.

TensorRT's timing cache is one. A build that does not know it leaves it alone.
"""

Facts = dict[str, str | int | float]


class KeptBuilds:
    """The artefact cache as one trial sees it."""

    def __init__(
        self, request: TrialRequest, facts: Facts, claimed: Sequence[Identity] = ()
    ) -> None:
        """Begin without a cache, on the `claimed` devices, noting in `facts` what comes of it."""
        self._request = request
        self._claimed = claimed
        self._facts = facts
        self._cache: ArtefactCache | None = None
        self._parts: dict[str, Any] = {}
        self._memory_key = ""

    @property
    def _key(self) -> str:
        return key_of(self._parts)

    def open(self, environment: TrialEnvironment, model: LoadedModel, serving: Serving) -> None:
        """Use the cache that the environment names, if it names one, for the build of a model."""
        if environment.artefact_cache is None:
            return
        with self._forgiving("artefactCache"):
            self._parts = build_parts(self._request, model, serving, self._claimed)
            self._memory_key = key_of(machine_parts(self._request, self._claimed))
            self._cache = ArtefactCache(
                environment.artefact_cache, environment.artefact_cache_bytes
            )

    def fetch(self, folder: Path) -> KeptBuild | None:
        """Take this trial's build into `folder`, None if it has to be built.

        Then the folder holds what a compiler of an earlier build remembers.
        """
        if self._cache is None:
            return None
        began = time.monotonic()
        with self._forgiving("artefactCache"):
            folder.mkdir(parents=True, exist_ok=True)
            self._facts["artefactCache"] = "Miss"
            kept = self._cache.fetch(self._key, folder)
            if kept is not None:
                self._facts["artefactCache"] = "Hit"
                saved = kept.build_seconds - (time.monotonic() - began)
                self._facts["savedBuildSeconds"] = saved
                return kept
            memory = self._cache.memory(self._memory_key)
            if memory is not None:
                (folder / COMPILER_MEMORY).write_bytes(memory)
        return None

    def keep(self, artefact: Artefact, build_seconds: float, folder: Path) -> None:
        """Give a build, made in `folder`, to the trials after this one."""
        if self._cache is None:
            return
        with self._forgiving("artefactCache"):
            self._cache.keep(self._key, KeptBuild(artefact, build_seconds), self._parts)
            memory = folder / COMPILER_MEMORY
            if memory.exists():
                self._cache.keep_memory(self._memory_key, memory.read_bytes())

    def answers(self, served_by: str) -> VerifyResult | None:
        """Return what an earlier trial has found when it verified this build."""
        of = self._answers_key(served_by)
        if self._cache is None or of is None:
            return None
        self._facts["answersCache"] = "Miss"
        values = self._cache.answers(self._key, of)
        if values is None:
            return None
        self._facts["answersCache"] = "Hit"
        self._facts["savedVerifySeconds"] = values["seconds"]
        metrics = {name: Measurement(**value) for name, value in values["metrics"].items()}
        return VerifyResult(metrics, values["facts"], frozenset(values["settled"]))

    def disbelieve_answers(self) -> None:
        """Note that what was known does not agree with what the server answers now."""
        self._facts["answersCache"] = "Disbelieved"
        self._facts.pop("savedVerifySeconds", None)

    def keep_answers(self, served_by: str, result: VerifyResult, seconds: float) -> None:
        """Give what verifying this build has found to the trials after this one."""
        of = self._answers_key(served_by)
        if self._cache is None or of is None:
            return
        metrics = {name: found.model_dump() for name, found in result.metrics.items()}
        values = {
            "metrics": metrics,
            "facts": result.facts,
            "settled": sorted(result.settled),
            "seconds": seconds,
        }
        with self._forgiving("answersCache"):
            self._cache.keep_answers(self._key, of, values)

    def _answers_key(self, served_by: str) -> str | None:
        if self._cache is None:
            return None
        parts = None
        with self._forgiving("answersCache"):
            parts = verification_parts(self._request, served_by)
        return None if parts is None else key_of(parts)

    @contextmanager
    def _forgiving(self, fact: str) -> Iterator[None]:
        try:
            yield
        except TrialFailure:
            raise
        except Exception as error:  # noqa: BLE001 - a model may hold what nobody here has thought of
            self._facts[fact] = f"Off: {first_line(error)}"
            if fact == "artefactCache":
                self._cache = None

"""What a trial is told through its environment; the contract names the variables."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from deploytune.contract.errors import TrialContractError
from deploytune.contract.request import (
    ARTEFACT_CACHE_BYTES_VARIABLE,
    ARTEFACT_CACHE_VARIABLE,
    MEASURE_LOCK_VARIABLE,
    PORTS_VARIABLE,
    REPOSITORY_VARIABLE,
    REQUEST_VARIABLE,
    SCRATCH_VARIABLE,
    SHARED_MEMORY_PREFIX_VARIABLE,
    TERMINATION_LOG_VARIABLE,
)

_TERMINATION_LOG = "/dev/termination-log"
_LAST_PORT = 65535
_CACHE_BYTES = 10 * 2**30


@dataclass(frozen=True)
class TrialEnvironment:
    """The request as text, and the places a trial may use; None where nothing was said."""

    request: str
    termination_log: Path
    scratch: Path
    owns_scratch: bool
    measure_lock: Path | None
    ports: range | None
    repository: Path | None
    shared_memory_prefix: str
    artefact_cache: Path | None
    artefact_cache_bytes: int

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Read the variables; a scratch folder is made where none was given.

        Raises:
            TrialContractError: the request is missing, or a number is none.
        """
        if REQUEST_VARIABLE not in variables:
            raise TrialContractError(f"{REQUEST_VARIABLE}: must be set to a request")
        ports = read_ports(variables.get(PORTS_VARIABLE))
        scratch = _path(variables, SCRATCH_VARIABLE)
        return cls(
            request=variables[REQUEST_VARIABLE],
            termination_log=Path(variables.get(TERMINATION_LOG_VARIABLE, _TERMINATION_LOG)),
            scratch=scratch or Path(tempfile.mkdtemp(prefix="deploytune-trial-")),
            owns_scratch=scratch is None,
            measure_lock=_path(variables, MEASURE_LOCK_VARIABLE),
            ports=ports,
            repository=_path(variables, REPOSITORY_VARIABLE),
            shared_memory_prefix=variables.get(
                SHARED_MEMORY_PREFIX_VARIABLE, f"deploytune-{os.getpid()}-"
            ),
            artefact_cache=_path(variables, ARTEFACT_CACHE_VARIABLE),
            artefact_cache_bytes=_read_bytes(variables, ARTEFACT_CACHE_BYTES_VARIABLE),
        )

    def to_rebuild(self, repository: Path) -> Self:
        """Return the places of a process that only leaves a repository.

        Its scratch folder is one of its own: a container that begins again finds the last one's.
        """
        scratch = self.scratch
        if not self.owns_scratch:
            scratch = Path(tempfile.mkdtemp(prefix="rebuilding-", dir=scratch))
        return replace(self, repository=repository.absolute(), scratch=scratch, owns_scratch=True)


def _path(variables: Mapping[str, str], name: str) -> Path | None:
    return Path(variables[name]).absolute() if variables.get(name) else None


def _read_bytes(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name) or str(_CACHE_BYTES)
    if not text.isdecimal():
        raise TrialContractError(f"{name}: must be a number of bytes, got {text!r}")
    return int(text)


def read_ports(text: str | None) -> range | None:
    """Return the ports that Triton may use, None if any may.

    Raises:
        TrialContractError: the text is no range.
    """
    if not text:
        return None
    first, _, last = text.partition("-")
    if (
        not (first.isdecimal() and last.isdecimal())
        or not 0 < int(first) <= int(last) <= _LAST_PORT
    ):
        raise TrialContractError(f"{PORTS_VARIABLE}: must be FIRST-LAST, two ports, got {text!r}")
    return range(int(first), int(last) + 1)

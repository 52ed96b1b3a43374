"""The build stage: the build runs in a child, so that whatever it does to itself stays there."""

from __future__ import annotations

import sys
from pathlib import Path

from deploytune.contract.codec import encode_request
from deploytune.contract.outcomes import Cause
from deploytune.contract.request import TrialRequest
from deploytune_trial.build.artefacts import Artefact, read_build_result
from deploytune_trial.children import Child, Children, failure_of_exit
from deploytune_trial.failures import is_full

_BUILD_MODULE = "deploytune_trial.build"


def build_folder(scratch: Path) -> Path:
    """Return where in a trial's scratch folder its build lies."""
    return scratch / "build"


class BuildingChild:
    """A build that runs."""

    def __init__(self, request: TrialRequest, scratch: Path, children: Children) -> None:
        """Start it; its request, its log and its results lie in `scratch`."""
        self._folder = build_folder(scratch)
        self._folder.mkdir(parents=True, exist_ok=True)
        request_file = scratch / "request.json"
        request_file.write_text(encode_request(request))
        command = [sys.executable, "-m", _BUILD_MODULE, str(request_file), str(self._folder)]
        self._child: Child = children.start(command, scratch / "build.log")

    def result(self) -> Artefact:
        """Wait for its end and return what it has built.

        Raises:
            TrialFailure: it failed, by its own words or by how it ended.
        """
        code = self._child.wait()
        if code != 0:
            # On a full disk it could not write why, nor anything into its log.
            cause = Cause.DISK_FULL if is_full(self._folder) else Cause.BUILD_FAILED
            words = self._child.last_words() or "it has said nothing"
            raise failure_of_exit("the build", code, cause, words)
        return read_build_result(self._folder)

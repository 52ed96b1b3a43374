"""`python -m deploytune_trial.build REQUEST.json FOLDER`: build in a process of its own.

A build may be killed for memory or die in native code; the trial must live on to say so. The
result, an artefact or a failure, lies in FOLDER, and the exit code is 0 for both.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from deploytune.contract.codec import decode_request
from deploytune_trial.build.artefacts import write_artefact, write_failure
from deploytune_trial.build.building import build
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.loading import load_model


def main(request_file: Path, folder: Path) -> None:
    """Build what the request in a file asks for and leave the result in `folder`."""
    request = decode_request(request_file.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        artefact = build(request, load_model(request), folder)
    except TrialFailure as failure:
        _make_room(folder)
        write_failure(folder, failure)
    else:
        write_artefact(folder, artefact)


def _make_room(folder: Path) -> None:
    """Remove what a failed build has made: the disk may be full, and the reason must be written."""
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

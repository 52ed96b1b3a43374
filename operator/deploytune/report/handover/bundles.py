"""What it takes to run a trial again, elsewhere or later, and to see what it ran on: as files.

README.md            what it is, how it ended, how to run it again
request.json         the very request; with it `run-again` starts the trial's program
run-again
circumstances.yaml   image, versions, nodes and devices, parameters, seed, loads
trial.yaml           the TuningTrial, whole
tuning.yaml          the question, without its answer
job.yaml             the trial as a Job, where the record names an image
config.pbtxt         where the trial's repository was kept
"""

from __future__ import annotations

import math
from typing import Any

import yaml

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning, Metadata
from deploytune.contract.codec import encode_request
from deploytune.contract.models import ContractModel
from deploytune.contract.request import (
    REQUEST_VARIABLE,
    TERMINATION_LOG_VARIABLE,
    TrialRequest,
)
from deploytune.report.handover.winners import pool_of
from deploytune.report.wording import describe_parameters
from deploytune.state.pods.images import image_on_record
from deploytune.state.pods.manifest import (
    DEADLINE_MARGIN_SECONDS,
    build_container,
    identity_of,
    volumes_of,
)
from deploytune.state.pods.placement import placement_of

_LASTING = ("name", "namespace", "labels", "annotations")

RUN_AGAIN = "run-again"
"""The file that is a program."""

_SCRIPT = f"""#!/bin/sh
# usage: ./{RUN_AGAIN} [FOLDER]   FOLDER: where relative paths of the workload begin; default: here
# Runs the trial of request.json again and prints its report, which stays in report.json. The
# program is TRIAL_COMMAND, by default that of the installed package.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "${{1:-$here}}"
{REQUEST_VARIABLE}=$(cat "$here/request.json")
{TERMINATION_LOG_VARIABLE}=$here/report.json
export {REQUEST_VARIABLE} {TERMINATION_LOG_VARIABLE}
${{TRIAL_COMMAND:-python3 -m deploytune_trial}}
cat "$here/report.json"
"""


def bundle_of(
    tuning: DeploymentTuning, trial: TuningTrial, request: TrialRequest, configuration: str | None
) -> dict[str, str]:
    """Return the files by name; `configuration` is the `config.pbtxt` that was kept.

    Raises:
        InvalidTuningError: the tuning has no such pool.
    """
    files = {
        "README.md": _readme(tuning, trial),
        "request.json": f"{encode_request(request)}\n",
        RUN_AGAIN: _SCRIPT,
        "circumstances.yaml": _yaml(_circumstances(tuning, trial, request)),
        "trial.yaml": _yaml({**_plain(trial), "metadata": _lasting(trial.metadata)}),
        "tuning.yaml": _yaml(_plain(_question(tuning))),
    }
    image = image_on_record(tuning)
    if image is not None:
        files["job.yaml"] = _yaml(_job(tuning, trial, request, image))
    if configuration is not None:
        files["config.pbtxt"] = configuration
    return files


def _question(tuning: DeploymentTuning) -> DeploymentTuning:
    """Return a tuning as it is asked anew: unanswered, neither stopped nor suspended."""
    asked = tuning.spec.replace(stop=False, suspend=False)
    lasting = Metadata.model_validate(_lasting(tuning.metadata))
    return tuning.model_copy(update={"metadata": lasting, "spec": asked, "status": None})


def _lasting(metadata: Metadata) -> dict[str, Any]:
    """Return the metadata that are the user's; the others are of one object in one cluster."""
    plain = _plain(metadata)
    return {name: plain[name] for name in _LASTING if plain.get(name)}


def _circumstances(
    tuning: DeploymentTuning, trial: TuningTrial, request: TrialRequest
) -> dict[str, Any]:
    """Return what a figure depends on: what ran, on what, how it was asked."""
    pool = pool_of(tuning, trial)
    workload = _plain(request.workload)
    return {
        "trial": trial.metadata.name,
        "image": image_on_record(tuning),
        "facts": dict(trial.status.facts),
        "parameters": dict(request.parameters),
        "seed": request.seed,
        "requestBatch": request.workload.request_batch,
        "loads": workload.get("loads", []),
        "pool": _plain(pool),
        "attempts": [_plain(attempt) for attempt in trial.status.attempts],
    }


def _job(
    tuning: DeploymentTuning, trial: TuningTrial, request: TrialRequest, image: str
) -> dict[str, Any]:
    """Return a Job whose Pod is the trial's own, but for its owner and its labels."""
    pool, spec = pool_of(tuning, trial), tuning.spec.trial
    container = build_container(tuning, pool, request, image)
    seconds = math.ceil(spec.run_deadline_seconds) + spec.pull_allowance_seconds
    namespace = tuning.metadata.namespace
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{trial.metadata.name}-again",
            **({"namespace": namespace} if namespace else {}),
        },
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {
                    **placement_of(pool),
                    **identity_of(spec.pod_template),
                    "restartPolicy": "Never",
                    "activeDeadlineSeconds": seconds + DEADLINE_MARGIN_SECONDS,
                    "volumes": volumes_of(spec.pod_template, pool.resources),
                    "containers": [{**container, "image": image}],
                }
            },
        },
    }


def _readme(tuning: DeploymentTuning, trial: TuningTrial) -> str:
    name = trial.metadata.name
    image = image_on_record(tuning)
    return f"""# {name}: all that it takes to run it again

{describe_parameters(trial.spec.parameters)}

{_ending(trial)} What it ran on is in circumstances.yaml, what it measured in trial.yaml.

With `deploytune[trial]` installed, in the folder where relative paths of the workload begin:

    ./{RUN_AGAIN} FOLDER

It prints the report, whose fields are those of the trial contract. Models and data are not in this
folder: they are where the workload in tuning.yaml says.
{_in_a_cluster(name) if image else ""}
The whole tuning once more: `deploytune run tuning.yaml`, or `kubectl create -f tuning.yaml`.
"""


def _in_a_cluster(name: str) -> str:
    return f"""
In a cluster, with the image, resources and place of the trial; the report is what the Pod leaves:

    kubectl create -f job.yaml
    kubectl get pod -l job-name={name}-again -o jsonpath='{{..terminated.message}}'
"""


def _ending(trial: TuningTrial) -> str:
    status = trial.status
    if status.outcome is None:
        return "It has not ended."
    return f"It ended as {'/'.join(filter(None, (status.outcome, status.cause)))}."


def _plain(model: ContractModel) -> dict[str, Any]:
    plain: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain


def _yaml(document: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    return text

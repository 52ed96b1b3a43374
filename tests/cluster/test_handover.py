"""A real API server takes the objects that serve a winner, under Pod Security `restricted`."""

from __future__ import annotations

import json

import pytest
import yaml
from api_builders import a_cluster_document, edited, parsed
from clusters.namespaces import Namespace
from handover_builders import an_answered

from deploytune.report.handover.bundles import bundle_of
from deploytune.report.handover.deployments import deployment_of, job_of, service_of
from deploytune.report.handover.serving_pods import Manifest, Served, served
from deploytune.report.handover.winners import winner_of
from deploytune.state.requests import build_request

APPLY = ("apply", "--server-side", "--validate=strict", "--dry-run=server", "--filename=-")


def a_winner(namespace: Namespace, claim: str | None) -> Served:
    tuning = parsed(edited("metadata.namespace", namespace.name, a_cluster_document()))
    winner = winner_of(an_answered(tuning), provisional=False)
    return served(winner, None, "registry.example.com/trial:1", claim)


@pytest.mark.parametrize("claim", [None, "models"], ids=["builds itself", "from a volume"])
def test_every_object_is_accepted_in_a_dry_run(namespace: Namespace, claim: str | None) -> None:
    winner = a_winner(namespace, claim)
    made = [deployment_of(winner, 2), service_of(winner)]
    if claim is not None:
        made.append(job_of(winner))

    said = namespace.kubectl.run(
        *APPLY, document=json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    )

    assert len(made) == len(said.splitlines())
    # A Deployment whose Pods break the namespace's rules is accepted, with a warning.
    for each in made:
        assert not warnings_of(namespace, each)


def test_its_pods_are_guaranteed_and_may_be_made(namespace: Namespace) -> None:
    template = deployment_of(a_winner(namespace, None), 1)["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**template["metadata"], "name": "one"}

    kept = json.loads(
        namespace.kubectl.run(
            *("create", "--dry-run=server", "--validate=strict", "--output=json", "--filename=-"),
            document=json.dumps(pod),
        )
    )

    assert "Guaranteed" == kept["status"]["qosClass"]


def test_the_job_of_a_bundle_is_accepted_in_a_dry_run(namespace: Namespace) -> None:
    winner = a_winner(namespace, None).winner
    spec = winner.tuning.spec
    trial = spec.trial.replace(image="registry.example.com/trial:1")
    tuning = winner.tuning.model_copy(update={"spec": spec.replace(trial=trial)})
    files = bundle_of(tuning, winner.trial, build_request(tuning, winner.trial, 0), None)
    assert not warnings_of(namespace, yaml.safe_load(files["job.yaml"]))


def warnings_of(namespace: Namespace, manifest: Manifest) -> str:
    done = namespace.kubectl.attempt(*APPLY, document=json.dumps(manifest))
    assert 0 == done.returncode, done.stderr
    return done.stderr

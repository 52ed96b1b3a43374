"""A real API server takes what the chart makes, to the last field; nothing is left of it."""

from __future__ import annotations

import json

import pytest
from clusters.fixtures import need
from clusters.helm import CHART, Helm, helm_program
from clusters.namespaces import Namespace
from clusters.requirements import HELM


@pytest.mark.parametrize("values", ["default", "namespaced", "everything"])
def test_every_object_is_accepted_in_a_dry_run(namespace: Namespace, values: str) -> None:
    need(HELM, "Helm")
    file = CHART / "ci" / f"{values}-values.yaml"
    chosen = f"watchNamespaces={{{namespace.name}}}" if values == "namespaced" else "replicas=2"
    options = ("--values", file, "--set", chosen)
    rendered = Helm(helm_program()).template(*options, namespace=namespace.name)
    # A Pod needs its account, which a dry run does not make.
    made = [each for each in rendered if each["kind"] != "Pod"]

    said = namespace.kubectl.run(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-"),
        document=json.dumps({"apiVersion": "v1", "kind": "List", "items": made}),
    )

    assert len(made) == len(said.splitlines())
    assert all(line.endswith("(server dry run)") for line in said.splitlines())

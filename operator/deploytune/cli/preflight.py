"""Holds a tuning against a cluster and prints what would go wrong there; starts nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from deploytune.api.tuning import DeploymentTuning
from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.recorded_tunings import asked_cluster

if TYPE_CHECKING:
    from deploytune.api.trial import TuningTrial
    from deploytune.runtime.kube.api_server import ApiServer
    from deploytune.state.preflight.facts import ClusterFacts
    from deploytune.state.preflight.findings import Finding


async def preflight_in_cluster(options: argparse.Namespace, tuning: DeploymentTuning) -> ExitCode:
    """Print the bound on the cost and every finding; exit code 2 if something must fail.

    The namespace is that of the command line, else of the file, else of the context.

    Raises:
        MachineError: there is no access to a cluster.
        ClusterError: the API server gives no answer.
    """
    from deploytune.runtime.kube.facts import gather_facts
    from deploytune.state.preflight.checks import preflight
    from deploytune.state.preflight.costs import cost_of
    from deploytune.state.preflight.findings import Severity

    async with asked_cluster(options) as (api, default_namespace):
        namespace = options.namespace or tuning.metadata.namespace or default_namespace
        facts = await gather_facts(api, tuning, namespace, options.trial_image)
        recorded = await _on_record(api, namespace, tuning.metadata.name)
    findings = preflight(tuning, facts)
    for line in (*cost_of(tuning.spec, recorded).lines(), *_told(facts, namespace, findings)):
        print(line)
    fails = any(finding.severity is Severity.FAILS for finding in findings)
    return ExitCode.BAD_INPUT if fails else ExitCode.ANSWER


async def _on_record(api: ApiServer, namespace: str, name: str) -> Sequence[TuningTrial]:
    """Return the trials of a tuning of this name, none where none can be read."""
    from deploytune.contract.errors import DeploytuneError
    from deploytune.runtime.kube.recorded import recorded_in_cluster

    with suppress(DeploytuneError):
        return (await recorded_in_cluster(api, namespace, name)).trials
    return ()


def _told(facts: ClusterFacts, namespace: str, findings: Sequence[Finding]) -> Iterator[str]:
    from deploytune.state.preflight.facts import Unread

    for pool, nodes in facts.nodes.items():
        if not isinstance(nodes, Unread):
            yield f"pool {pool}: nodes with its labels: {len(nodes)}"
    yield from map(str, findings)
    if not findings:
        yield f"nothing was found that would go wrong in namespace {namespace}"

"""What can be known of an image before a node pulls it: whether it is a name, and who has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from deploytune.api.tuning import DeploymentTuning
from deploytune.state.preflight.facts import ClusterFacts, Node, Unread
from deploytune.state.preflight.findings import Finding, Severity

_FIELD = "spec.trial.image"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_DEFAULT_HOST, _DEFAULT_FOLDER = "docker.io", "library"


def image_findings(tuning: DeploymentTuning, facts: ClusterFacts) -> Iterator[Finding]:
    """Yield what is wrong with the image, or is not known of it."""
    if facts.image is None:
        message = "the operator's own choice, which is not known here: --trial-image tells it"
        yield Finding(Severity.UNKNOWN, _FIELD, message)
        return
    names = full_names(facts.image)
    if not names:
        yield Finding(Severity.FAILS, _FIELD, f"{facts.image!r} is no reference of an image")
        return
    nodes = _known_nodes(facts.nodes)
    if nodes is None:
        yield _nobody_knows(facts.image, "nodes may not be read")
        return
    having = sum(bool(names & node.images) for node in nodes)
    if tuning.spec.trial.image_pull_policy != "Never":
        if not having:
            yield _nobody_knows(facts.image, "no node of the pools says that it has it")
    elif having < len(nodes):
        severity = Severity.WARNING if having else Severity.FAILS
        has = f"{having} of {len(nodes)} nodes of the pools have {facts.image}"
        yield Finding(severity, _FIELD, f"{has}, and imagePullPolicy is Never")


def _nobody_knows(image: str, why: str) -> Finding:
    message = f"whether {image} can be pulled shows with the first Pod: {why}"
    return Finding(Severity.UNKNOWN, _FIELD, message)


def full_names(reference: str) -> frozenset[str]:
    """Return the names under which a node may list an image; none if it is no reference."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return frozenset()
    name, tag, digest = found["name"], found["tag"], found["digest"]
    suffix = f"@{digest}" if digest else f":{tag or 'latest'}"
    first, slash, _ = name.partition("/")
    has_host = bool(slash) and (first == "localhost" or any(mark in first for mark in ".:["))
    if has_host:
        return frozenset((f"{name}{suffix}",))
    folder = "" if slash else f"{_DEFAULT_FOLDER}/"
    return frozenset((f"{name}{suffix}", f"{_DEFAULT_HOST}/{folder}{name}{suffix}"))


def _known_nodes(nodes: Mapping[str, tuple[Node, ...] | Unread]) -> list[Node] | None:
    """Return the nodes of all pools, None where those of one may not be read."""
    known: dict[str, Node] = {}
    for of_pool in nodes.values():
        if isinstance(of_pool, Unread):
            return None
        known |= {node.name: node for node in of_pool}
    return list(known.values())

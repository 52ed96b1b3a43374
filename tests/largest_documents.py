"""A tuning with as much of everything as the definitions allow, where rules look."""

from __future__ import annotations

from api_builders import Document, a_cluster_document, a_parameter, edited

LONG = "x" * 200


def a_largest_document() -> Document:
    """A tuning at the bounds of every list and map that a rule goes through."""
    document = edited("spec.nodePools", [a_pool(number) for number in range(16)])
    document = edited("spec.trial", {"podTemplate": a_largest_template()}, document)
    document = edited("spec.constraints", [a_limit(number) for number in range(16)], document)
    return edited("spec.searchSpace", a_largest_space(), document)


def a_limit(number: int) -> Document:
    return {"metric": f"metric_{number}", "max": number}


def a_pool(number: int) -> Document:
    first = a_cluster_document()["spec"]["nodePools"][0]
    return {
        **first,
        "name": f"{LONG[:60]}{number}",
        "nodeSelector": {f"{LONG}.example.com/{key}{LONG[:50]}": LONG[:63] for key in range(32)},
        "tolerations": [
            {"key": f"example.com/{key}{LONG[:50]}", "value": LONG[:63], "operator": "Equal"}
            for key in range(32)
        ],
        "resources": {
            **first["resources"],
            "accelerators": {f"{LONG}.example.com/{key}{LONG[:50]}": 1 for key in range(8)},
        },
    }


def a_largest_space() -> Document:
    return {
        "parameters": [a_parameter(f"p{number}", list(range(256))) for number in range(64)],
        "exclude": [{"p0": number % 256, "p1": number % 256} for number in range(256)],
    }


def a_largest_template() -> Document:
    return {
        "labels": {f"{LONG}.example.com/{key}{LONG[:50]}": LONG[:63] for key in range(32)},
        "annotations": {f"{LONG}.example.com/{key}{LONG[:50]}": LONG for key in range(32)},
        "volumes": [a_largest_volume(number) for number in range(16)],
        "volumeMounts": [
            {"name": f"v{LONG[:55]}15", "mountPath": f"/{number}/{LONG}"} for number in range(32)
        ],
        "env": [{"name": f"E{number}{LONG}", "value": LONG} for number in range(64)],
        "imagePullSecrets": [{"name": f"{LONG}{number}"} for number in range(16)],
    }


def a_largest_volume(number: int) -> Document:
    items = [{"key": f"{key}{LONG}", "path": f"{key}/{LONG}"} for key in range(8)]
    sources = [{"configMap": {"name": f"{LONG}{source}", "items": items}} for source in range(8)]
    return {"name": f"v{LONG[:55]}{number}", "projected": {"sources": sources}}

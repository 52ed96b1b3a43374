"""The Pods that serve a winner, or only build its repository: as its trials were, on its pool.

Same image, same resources, same place, same security. The trial's program does both: with a request
it leaves the repository in a folder, and it serves what lies there. Anti-affinity to other trials
is left out, since nothing is measured here, and so are the labels by which the operator knows its
own Pods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploytune.api.tuning import GROUP, Placement
from deploytune.contract.errors import InvalidTuningError
from deploytune.report.handover.winners import Winner
from deploytune.state.pods.images import image_on_record
from deploytune.state.pods.manifest import build_container, identity_of, own_mounts, volumes_of
from deploytune.state.pods.placement import placement_of
from deploytune.state.requests import build_request

REPOSITORIES = "/repository"
"""Where the volume of the repository is mounted; of each tuning there is one folder in it."""

VOLUME = "deploytune-repository"
_USER = 65532  # of the trial images; whoever may write to a claim that says nothing of its own

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """A winner under a name, by an image; `claim` holds its repository, if it is not built anew."""

    winner: Winner
    name: str
    image: str
    claim: str | None = None

    @property
    def repository(self) -> str:
        """The folder of the repository in a container: the tuning's, whatever serves it."""
        return f"{REPOSITORIES}/{self.winner.tuning.metadata.name}"


def served(winner: Winner, name: str | None, image: str | None, claim: str | None) -> Served:
    """Return how a winner is to be served; what is None is as its record says.

    Raises:
        InvalidTuningError: the record names no image.
    """
    image = image or image_on_record(winner.tuning)
    if image is None:
        rule = "must be given: the record of this tuning names no image of its trials"
        raise InvalidTuningError("--image", rule)
    return Served(winner, name or winner.tuning.metadata.name, image, claim)


def service_name(served: Served) -> str:
    """Return the name as that of a Service, which Kubernetes holds to a stricter rule.

    Raises:
        InvalidTuningError: it begins with a digit.
    """
    if not served.name[0].isalpha():
        rule = "must be given: the name of a Service begins with a letter"
        raise InvalidTuningError("--name", rule, served.name)
    return served.name


def pod_spec(served: Served) -> Manifest:
    """Return what Pods that build and serve have in common, without their containers."""
    winner = served.winner
    template = winner.tuning.spec.trial.pod_template
    if served.claim is not None and template.fs_group is None:
        template = template.model_copy(update={"fs_group": _USER})
    volume: Manifest = {"emptyDir": {}}
    if served.claim is not None:
        volume = {"persistentVolumeClaim": {"claimName": served.claim}}
    return {
        **placement_of(winner.pool.model_copy(update={"placement": Placement.PACKED})),
        **identity_of(template),
        "volumes": [*volumes_of(template, winner.pool.resources), {"name": VOLUME, **volume}],
    }


def building_container(served: Served) -> Manifest:
    """Return the container that builds the winner's repository, and ends."""
    tuning, trial = served.winner.tuning, served.winner.trial
    request = build_request(tuning, trial, 0)
    container = build_container(tuning, served.winner.pool, request, served.image)
    return {
        **container,
        "name": "build",
        "image": served.image,
        "args": ["--repository", served.repository],
        "volumeMounts": [*container["volumeMounts"], _mount()],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def serving_container(served: Served, arguments: list[str]) -> Manifest:
    """Return the container that serves the repository; nothing in it opens the sources."""
    container = building_container(served)
    template = served.winner.tuning.spec.trial.pod_template
    plain = template.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        **{name: value for name, value in container.items() if name != "envFrom"},
        "name": "triton",
        "args": ["--serve", served.repository, *arguments],
        "env": plain.get("env", []),
        "volumeMounts": [*plain.get("volumeMounts", []), *own_mounts(), _mount()],
    }


def metadata_of(served: Served, name: str | None = None) -> Manifest:
    """Return the metadata of an object, in the namespace of the tuning if that has one."""
    tuning, trial = served.winner.tuning, served.winner.trial
    namespace = tuning.metadata.namespace
    return {
        "name": name or served.name,
        **({"namespace": namespace} if namespace else {}),
        "labels": labels_of(served),
        "annotations": {
            f"{GROUP}/tuning": tuning.metadata.name,
            f"{GROUP}/trial": trial.metadata.name,
        },
    }


def labels_of(served: Served) -> Mapping[str, str]:
    """Return the labels by which the Pods of a served winner are known."""
    return {
        "app.kubernetes.io/name": served.name,
        "app.kubernetes.io/component": "model-server",
    }


def _mount() -> Manifest:
    return {"name": VOLUME, "mountPath": REPOSITORIES}

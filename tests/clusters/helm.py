"""Helm: built from its Go module, pinned, kept as Kubernetes is.

The version is one that builds with the same Go, and shares most of Kubernetes' own modules.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from clusters.access import Access
from clusters.binaries import BUILD_OPTIONS, KUBERNETES, Recipe, build
from clusters.keeping import key_of, made_once
from clusters.places import REPOSITORY, kept

CHART = REPOSITORY / "charts" / "deploytune"
KIND = "helm"
VERSION = "4.0.5"
_MODULE = "helm.sh/helm/v4"
TIMEOUT_SECONDS = 180.0
RELEASE = "deploytune"
NAMESPACE = "deploytune-system"

Json = dict[str, Any]


@dataclass(frozen=True)
class Helm:
    """Helm, and the cluster that it is to reach, if any."""

    program: Path
    access: Access | None = None

    def attempt(
        self, *arguments: str | Path, values: Mapping[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it and return how it ended; `values` are given to it as a values file."""
        words = [str(word) for word in arguments]
        if values is not None:
            words += ["--values", "-"]
        return subprocess.run(
            [str(self.program), *words, *self._place()],
            input=json.dumps(values or {}),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def run(self, *arguments: str | Path, values: Mapping[str, Any] | None = None) -> str:
        """Run it to a good end and return what it printed."""
        done = self.attempt(*arguments, values=values)
        assert done.returncode == 0, f"helm {arguments[0]}: {done.stderr}{done.stdout}"
        return done.stdout

    def template(
        self,
        *options: str | Path,
        values: Mapping[str, Any] | None = None,
        namespace: str = NAMESPACE,
    ) -> list[Json]:
        """Return the objects that the chart makes, hooks included: to be read, not changed."""
        words = ("--namespace", namespace, *map(str, options))
        return list(_made(self.program, words, json.dumps(values or {})))

    def _place(self) -> list[str]:
        if self.access is None:
            return []
        return [
            *("--kubeconfig", str(self.access.kubeconfig)),
            *("--kube-context", self.access.context),
        ]


@cache
def _made(program: Path, words: tuple[str, ...], values: str) -> tuple[Json, ...]:
    """Return what a chart makes, which is the same for all tests of a run."""
    printed = Helm(program).run("template", RELEASE, CHART, *words, values=json.loads(values))
    return tuple(each for each in yaml.safe_load_all(printed) if each)


def helm_program() -> Path:
    """Return Helm; the first call on a machine takes minutes."""
    made = made_once(KIND, _ingredients(), lambda at: build(_recipe(), at / "module", at))
    return made / "helm"


def helm_is_built() -> bool:
    """Whether nothing needs to be compiled any more."""
    return (kept(KIND) / key_of(_ingredients())).exists()


def _ingredients() -> Json:
    return {"recipe": asdict(_recipe()), "options": BUILD_OPTIONS}


def _recipe() -> Recipe:
    _, minor, _ = KUBERNETES.split(".")
    return Recipe(
        requires=f"{_MODULE} v{VERSION}",
        programs={"helm": f"{_MODULE}/cmd/helm"},
        # What it takes a cluster for that it does not ask, as in `helm template`; 1.20 else.
        version_variables={f"{_MODULE}/pkg/chart/common.k8sVersionMinor": minor},
    )

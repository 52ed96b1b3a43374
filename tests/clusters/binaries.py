"""Kubernetes, etcd and kwok, built from their Go modules: pinned, kept per version and recipe.

A program is a Go package inside a throw-away module that requires the pinned version. Kubernetes
names its staging modules v0.0.0, so that each of them needs its replacement, used or not; without
the version flags its /version says v0.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from clusters.keeping import key_of, made_once
from clusters.places import kept
from clusters.programs import output_of

KUBERNETES = "1.34.4"
ETCD = "3.6.14"
KWOK = "0.7.0"
KIND = "cluster-binaries"

STAGING_MODULES = (
    *("api", "apiextensions-apiserver", "apimachinery", "apiserver", "cli-runtime", "client-go"),
    *("cloud-provider", "cluster-bootstrap", "code-generator", "component-base"),
    *("component-helpers", "controller-manager", "cri-api", "cri-client", "csi-translation-lib"),
    *("dynamic-resource-allocation", "endpointslice", "externaljwt", "kms", "kube-aggregator"),
    *("kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet", "metrics"),
    *("mount-utils", "pod-security-admission", "sample-apiserver", "sample-cli-plugin"),
    "sample-controller",
)


@dataclass(frozen=True)
class Recipe:
    """One throw-away Go module and the programs built in it."""

    requires: str
    programs: Mapping[str, str]
    replaces: tuple[str, ...] = ()
    main: str = ""
    version_variables: Mapping[str, str] = field(default_factory=dict)

    def module_file(self) -> str:
        """The module's go.mod."""
        lines = ["module deploytune/tests", "go 1.24", f"require {self.requires}"]
        return "\n".join([*lines, *(f"replace {line}" for line in self.replaces)]) + "\n"

    def linker_flags(self) -> str:
        """Leave debugging tables out, and set what the program says about itself."""
        sets = [f"-X {name}={value}" for name, value in self.version_variables.items()]
        return " ".join(["-s", "-w", *sets])


def _kubernetes() -> Recipe:
    major, minor, _ = KUBERNETES.split(".")
    says = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
    staging = KUBERNETES.replace("1.", "0.", 1)
    return Recipe(
        requires=f"k8s.io/kubernetes v{KUBERNETES}",
        replaces=tuple(f"k8s.io/{m} => k8s.io/{m} v{staging}" for m in STAGING_MODULES),
        programs={name: f"k8s.io/kubernetes/cmd/{name}" for name in names},
        version_variables={f"{p}.{key}": value for p in packages for key, value in says.items()},
    )


ETCD_MAIN = """package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
"""

RECIPES = (
    Recipe(
        requires=f"go.etcd.io/etcd/server/v3 v{ETCD}",
        programs={"etcd": "."},
        main=ETCD_MAIN,
    ),
    _kubernetes(),
    Recipe(
        requires=f"sigs.k8s.io/kwok v{KWOK}",
        programs={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
        version_variables={"sigs.k8s.io/kwok/pkg/consts.Version": f"v{KWOK}"},
    ),
)


def binaries() -> Path:
    """Return the folder of the programs; the first call on a machine takes minutes."""
    return made_once(KIND, _everything_that_goes_in(), _build_all)


def binaries_are_built() -> bool:
    """Whether nothing needs to be compiled any more."""
    return (kept(KIND) / key_of(_everything_that_goes_in())).exists()


def _everything_that_goes_in() -> dict[str, object]:
    return {"recipes": [asdict(recipe) for recipe in RECIPES], "options": BUILD_OPTIONS}


BUILD_OPTIONS = ["build", "-mod=mod", "-trimpath"]


def _build_all(folder: Path) -> None:
    for number, recipe in enumerate(RECIPES):
        build(recipe, folder / f"module-{number}", folder)


def build(recipe: Recipe, module: Path, folder: Path) -> None:
    """Build the programs of a recipe into a folder; its throw-away module is made in another."""
    module.mkdir()
    (module / "go.mod").write_text(recipe.module_file())
    if recipe.main:
        (module / "main.go").write_text(recipe.main)
    for program, package in recipe.programs.items():
        flags = ["-ldflags", recipe.linker_flags(), "-o", str(folder / program)]
        output_of(
            ["go", *BUILD_OPTIONS, *flags, package],
            folder=module,
            variables={"CGO_ENABLED": "0"},
        )

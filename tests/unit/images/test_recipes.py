"""The images' recipes: what they take is what exists and what the page about them says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CPU, GPU = (ROOT / "trial_image" / name for name in ("Dockerfile.cpu", "Dockerfile"))
RECIPES = (CPU, GPU, ROOT / "operator/Dockerfile")
PAGE = (ROOT / "operator/docs/images.md").read_text(encoding="utf-8")

EVERY = pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
TRIALS = pytest.mark.parametrize("recipe", [CPU, GPU], ids=lambda path: path.name)


def arguments_of(recipe: Path) -> dict[str, str]:
    found = re.findall(r"^ARG (\w+)=?(.*)$", recipe.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(found)


@EVERY
def test_a_base_names_no_registry(recipe: Path) -> None:
    host, _, rest = arguments_of(recipe)["BASE"].partition("/")

    assert not rest or not set(host) & set(".:")


@EVERY
def test_an_image_runs_as_a_numbered_user_from_the_start(recipe: Path) -> None:
    text = recipe.read_text(encoding="utf-8")

    assert "USER 65532:65532" == re.findall(r"^USER .*$", text, re.MULTILINE)[-1]
    assert text.index("USER 65532:65532") < text.index("ENTRYPOINT")


@TRIALS
def test_the_extras_that_an_image_takes_are_the_projects(recipe: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = arguments_of(recipe)["EXTRAS"].split(",")

    assert set(extras) <= set(project["optional-dependencies"])
    assert "`" + ",".join(extras) + "`" in PAGE


@TRIALS
def test_a_trial_image_can_download_its_sources(recipe: Path) -> None:
    assert "sources" in arguments_of(recipe)["EXTRAS"].split(",")


def test_the_image_for_gpus_has_what_torch_compiles_with() -> None:
    ends_with = GPU.read_text(encoding="utf-8").rpartition("\nFROM ")[2]

    assert {"g++", "gcc", "python3-dev"} <= set(ends_with.split())


@TRIALS
def test_the_page_says_every_argument_of_a_trial_image(recipe: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)

    assert set(arguments_of(recipe)) <= set(rows)


def test_both_trial_images_begin_with_the_same_program() -> None:
    ends = {path.read_text(encoding="utf-8").splitlines()[-1] for path in (CPU, GPU)}

    assert 1 == len(ends)
    assert "deploytune_trial" in ends.pop()

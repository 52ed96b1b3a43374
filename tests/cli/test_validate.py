"""`deploytune validate` without a cluster: what it says, and what it holds a tuning against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from api_builders import Document, a_document, edited
from model_file_builders import an_input, some_data, some_labels, write_npz, write_onnx

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

Validate = Callable[..., int]


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """Validates a document beside a model and data that fit it."""
    write_onnx(tmp_path / "models" / "mlp.onnx", [an_input()])
    (tmp_path / "data").mkdir()
    write_npz(tmp_path / "data" / "evaluation.npz", **some_data(label=some_labels()))

    def run(document: Document, *options: str) -> int:
        (tmp_path / "tuning.yaml").write_text(yaml.safe_dump(document))
        return main(["validate", str(tmp_path / "tuning.yaml"), *options])

    return run


def test_it_says_how_many_configurations_are_left_and_what_excludes_the_others(
    validate: Validate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ExitCode.ANSWER == validate(a_document())
    assert capsys.readouterr().out.splitlines() == [
        "digits is valid: 18 configurations, 20 trials by TBA and 3 confirmations",
        "excluded: 2 by searchSpace.exclude",
    ]


FOREIGN = edited(
    "spec.searchSpace",
    {"parameters": [{"name": "blockKib", "type": "Integer", "min": 1, "max": 4}]},
    edited("spec.trial.image", "registry.example.com/own:1"),
)


def test_a_trial_of_ones_own_is_not_held_against_the_stock_trial(
    validate: Validate, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the operator, which runs it; the image may be made from the stock trial, though."""
    assert ExitCode.ANSWER == validate(FOREIGN)
    valid, warning = capsys.readouterr().out.splitlines()
    assert valid.startswith("digits is valid: 4 configurations, ")
    assert warning.startswith(
        "warning: if registry.example.com/own:1 is made from the stock trial, this fails: "
        "spec.searchSpace.parameters[0].name: must be one that a stage of the trial consumes"
    )


def test_an_image_made_from_the_stock_trial_may_hold_the_files(
    validate: Validate, capsys: pytest.CaptureFixture[str]
) -> None:
    document = edited("spec.workload.models[0].source", "/in/the/image.onnx")
    assert ExitCode.BAD_INPUT == validate(document)
    assert ExitCode.ANSWER == validate(edited("spec.trial.image", "own:1", document))
    assert "warning" not in capsys.readouterr().out


def test_rules_for_every_trial_hold_for_ones_own_too(
    validate: Validate, capsys: pytest.CaptureFixture[str]
) -> None:
    document = edited("spec.objectives[0].load", "nowhere", FOREIGN)
    assert ExitCode.BAD_INPUT == validate(document)
    assert "spec.objectives[0].load: must name one of" in capsys.readouterr().err

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from api_builders import a_document, a_parameter, edited, parsed, without

from deploytune.api import load_problem
from deploytune.api.translate import problem_of
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.search.problem import Constraint, Objective, Problem

DOCS = Path(__file__).parents[3] / "operator" / "docs"


def a_problem() -> Problem:
    return problem_of(parsed(a_document()).spec)


def a_mapping() -> dict[str, Any]:
    return {
        "objectives": [{"metric": "joy", "direction": "Maximize"}],
        "searchSpace": {"parameters": [a_parameter("colour", ["red", "blue"])]},
        "budget": {"maxTrials": 3},
    }


def test_metrics_are_known_by_their_key() -> None:
    problem = a_problem()

    assert problem.objective == Objective("throughput@full", Direction.MAXIMIZE)
    assert problem.constraints[0].limit == Limit(metric="latency_p95_ms@steady", max=20)


def test_a_known_metric_brings_its_scale() -> None:
    latency, accuracy = a_problem().constraints

    assert latency.scale == 1.0
    assert accuracy.scale == 0.01


def test_a_free_metric_has_no_scale_but_its_limit() -> None:
    problem = load_problem({**a_mapping(), "constraints": [{"metric": "noise", "max": 3}]})

    assert problem.constraints == (Constraint(Limit(metric="noise", max=3)),)


def test_the_space_is_that_of_the_spec() -> None:
    space = a_problem().space

    assert list(space.defaults() or {}) == ["backend", "intraOpThreads", "maxBatchSize"]
    assert space.is_excluded({"intraOpThreads": 4, "maxBatchSize": 32})
    assert not space.is_valid({"backend": "onnxruntime", "intraOpThreads": 9, "maxBatchSize": 1})


def test_budget_and_first_configurations_are_those_of_the_spec() -> None:
    problem = a_problem()

    assert problem.max_trials == 20
    assert problem.initial == ({"backend": "onnxruntime", "intraOpThreads": 1, "maxBatchSize": 1},)


def test_the_algorithm_is_that_of_the_spec() -> None:
    wanted = {"name": "Optuna", "sampler": "TPESampler", "seed": 7, "settings": {"group": False}}

    algorithm = problem_of(parsed(edited("spec.algorithm", wanted)).spec).algorithm

    assert (algorithm.name, algorithm.sampler, algorithm.seed) == ("Optuna", "TPESampler", 7)
    assert dict(algorithm.settings) == {"group": False}
    assert algorithm.preset is None


def test_fields_of_a_mapping_are_named_from_its_root() -> None:
    mapping = a_mapping()
    mapping["searchSpace"]["parameters"][0]["default"] = "green"

    with pytest.raises(InvalidTuningError) as caught:
        load_problem(mapping)

    expected = "searchSpace.parameters[0].default: must be one of red, blue, got 'green'"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"workload": {}}, "workload: is not a known field; must be one of objectives, "),
        ({"budget": {}}, "budget.maxTrials: must be set"),
        ({"algorithm": {"name": "Optuna"}}, "algorithm.sampler: must be set when name is Optuna"),
        (
            {"algorithm": {"name": "Random", "settings": {"speed": 1}}},
            "algorithm.settings.speed: may not be set when name is Random, got 1",
        ),
        ({"budget": {"maxTrials": object()}}, "input: must be plain data: "),
    ],
)
def test_a_mapping_is_held_against_the_rules(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidTuningError, match=f"^{re.escape(expected)}"):
        load_problem({**a_mapping(), **change})


def test_the_example_of_the_docs_runs_in_15_lines(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "ask-tell.md").read_text()
    example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]

    exec(example, {})

    assert capsys.readouterr().out == "{'threads': 8}\n"
    assert len([line for line in example.splitlines() if line.strip()]) <= 15


def test_the_api_is_light() -> None:
    script = (
        "import json, sys; import deploytune.api, deploytune.search;"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout

    heavy = {"optuna", "numpy", "torch", "onnx", "onnxruntime", "kopf", "kubernetes", "yaml"}
    assert heavy & set(json.loads(output)) == set()


def test_a_tuning_without_constraints_is_a_problem_too() -> None:
    problem = problem_of(parsed(without("spec.constraints")).spec)

    assert problem.constraints == ()

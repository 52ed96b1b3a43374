from __future__ import annotations

import pytest
import yaml
from api_builders import Document, a_document, edited, parsed, without

from deploytune.api.reading import parse_tuning
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.errors import InvalidTuningError


def refusal_of(document: Document) -> str:
    with pytest.raises(InvalidTuningError) as caught:
        parsed(document)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refusal_of_text(text: str) -> str:
    with pytest.raises(InvalidTuningError) as caught:
        parse_tuning(text, "tuning.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_valid_document_is_read_as_written() -> None:
    tuning = parsed(a_document())

    assert tuning.metadata.name == "digits"
    assert tuning.spec.objectives[0].key == "throughput@full"
    assert tuning.spec.search_space.parameters[2].values == (1, 8, 32)
    assert tuning.spec.parallel_trials == 1


def test_what_is_read_reads_the_same_when_written() -> None:
    tuning = parsed(a_document())

    assert DeploymentTuning.model_validate_json(tuning.to_json()) == tuning


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            edited("spec.serchSpace", {}),
            "spec.serchSpace: is not a known field; did you mean searchSpace?",
            id="a misspelt field names the nearest",
        ),
        pytest.param(
            edited("spec.serchSpace", {}, without("spec.searchSpace")),
            "spec.serchSpace: is not a known field; did you mean searchSpace?",
            id="a misspelt field is told before the missing one",
        ),
        pytest.param(
            edited("spec.budget.max_trials", 3),
            "spec.budget.max_trials: is not a known field; did you mean maxTrials?",
            id="names in Python's spelling are no fields",
        ),
        pytest.param(
            edited("spec.budget.zzz", 3),
            "spec.budget.zzz: is not a known field; must be one of maxTrials, maxDurationSeconds, "
            "maxAcceleratorSeconds, confirmations",
            id="with nothing near all known fields are named",
        ),
        pytest.param(
            edited("spec.searchSpace.parameters[1].mim", 3),
            "spec.searchSpace.parameters[1].mim: is not a known field; did you mean min?",
            id="a field in a list has its index",
        ),
        pytest.param(without("spec.budget"), "spec.budget: must be set", id="a missing field"),
        pytest.param(
            edited("spec.suspend", "yes"),
            "spec.suspend: must be true or false, got 'yes'",
            id="a word is no truth",
        ),
        pytest.param(
            edited("spec.searchSpace.parameters[0].default", [1]),
            "spec.searchSpace.parameters[0].default: must be a string, a number or a boolean",
            id="a list is no scalar",
        ),
        pytest.param(
            edited("spec.searchSpace.parameters[1].min", "one"),
            "spec.searchSpace.parameters[1].min: must be a number, got 'one'",
            id="a string is no number",
        ),
        pytest.param(
            edited("spec.budget.maxTrials", "20"),
            "spec.budget.maxTrials: must be an integer, got '20'",
            id="a quoted number is no number",
        ),
        pytest.param(
            edited("spec.budget.maxTrials", 2.5),
            "spec.budget.maxTrials: must be an integer, got 2.5",
            id="a fraction is no integer",
        ),
        pytest.param(
            edited("spec.budget.maxTrials", 0),
            "spec.budget.maxTrials: must be greater than or equal to 1, got 0",
            id="a bound is named",
        ),
        pytest.param(
            edited("spec.trial", {"latencyAbortFactor": 1}),
            "spec.trial.latencyAbortFactor: must be greater than 1.0, got 1",
            id="an exclusive bound is named",
        ),
        pytest.param(
            edited("spec.objectives[0].direction", "Up"),
            "spec.objectives[0].direction: must be one of Maximize, Minimize, got 'Up'",
            id="the choices are named",
        ),
        pytest.param(
            edited("spec.objectives", []),
            "spec.objectives: must have at least 1 item(s), got 0",
            id="an empty list",
        ),
        pytest.param(
            edited("spec.searchSpace.parameters[2].values", []),
            "spec.searchSpace.parameters[2].values: must have at least 1 item(s), got 0",
            id="empty values",
        ),
        pytest.param(
            edited("spec.searchSpace.parameters[2].values[1]", [8]),
            "spec.searchSpace.parameters[2].values[1]: must be a string, a number or a boolean",
            id="a list is no value of a parameter",
        ),
        pytest.param(
            edited("spec.searchSpace.parameters[2].values[1]", None),
            "spec.searchSpace.parameters[2].values[1]: must be a string, a number or a boolean, "
            "got None",
            id="nothing is no value of a parameter",
        ),
        pytest.param(
            edited("spec.searchSpace.parameters[1].max", float("nan")),
            "spec.searchSpace.parameters[1].max: must be a finite number, got nan",
            id="NaN is no bound",
        ),
        pytest.param(
            edited("spec.constraints", {"metric": "accuracy"}),
            "spec.constraints: must be a list",
            id="a mapping is no list",
        ),
        pytest.param(
            edited("spec.budget", 20), "spec.budget: must be a mapping, got 20", id="no mapping"
        ),
        pytest.param(
            edited("metadata.name", "Digits"),
            "metadata.name: must consist of lower-case letters, digits and '-', got 'Digits'",
            id="a name that Kubernetes would refuse",
        ),
        pytest.param(
            edited("metadata.name", "d" * 51),
            f"metadata.name: must have at most 50 character(s), got '{'d' * 51}'",
            id="a name too long for its trials'",
        ),
        pytest.param(
            edited("spec.nodePools", [{"name": "local", "resources": {"memory": "lots"}}]),
            "spec.nodePools[0].resources.memory: must be an amount of memory above 0, such as "
            "512Mi, got 'lots'",
            id="no quantity",
        ),
        pytest.param(
            edited("spec.searchSpace.parameters[3].when", {"max batch": [1]}),
            "spec.searchSpace.parameters[3].when.max batch: must begin with a letter and consist "
            "of letters, digits and '_', got 'max batch'",
            id="a key in user data",
        ),
        pytest.param(
            edited("spec.workload.loads[1].ratePerSecond", None),
            "spec.workload.loads[1]: ratePerSecond must be set when type is Poisson",
            id="a rule across fields of the contract",
        ),
        pytest.param(
            edited("spec.workload.models[1]", {"name": "mlp", "source": "b.onnx"}),
            "spec.workload: models must have unique names, got 'mlp' twice",
            id="two models of one name",
        ),
        pytest.param(
            edited("kind", "Job"), "kind: must be DeploymentTuning, got 'Job'", id="another kind"
        ),
        pytest.param(
            edited("apiVersion", "v1"),
            "apiVersion: must be deploytune.dev/v1alpha1, got 'v1'",
            id="another version",
        ),
        pytest.param(
            without("kind"), "kind: must be DeploymentTuning; it is not set", id="no kind"
        ),
    ],
)
def test_a_problem_is_one_line_with_field_rule_and_value(document: Document, expected: str) -> None:
    assert refusal_of(document) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "kind: A\nkind: B\n",
            "tuning.yaml, line 2: must be YAML: 'kind' must be given once",
            id="a key given twice",
        ),
        pytest.param(
            "a: 1\n---\nb: 2\n",
            "tuning.yaml, line 2: must hold one document: but found another document",
            id="two documents",
        ),
        pytest.param(
            "a: [1\n",
            "tuning.yaml, line 2: must be YAML: expected ',' or ']', but got '<stream end>'",
            id="broken YAML",
        ),
        pytest.param(
            "? [1]\n: 2\n",
            "tuning.yaml, line 1: must be YAML: a key must be a string",
            id="a key that is a list",
        ),
        pytest.param(
            "a: \x00\n",
            "tuning.yaml: must be YAML: unacceptable character #x0000: special characters are not "
            "allowed",
            id="a control character",
        ),
        pytest.param(
            "",
            "tuning.yaml: must be a mapping with apiVersion, kind, metadata, spec",
            id="nothing",
        ),
        pytest.param("[" * 5000, "tuning.yaml: must not be nested so deeply", id="deep nesting"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, expected: str) -> None:
    assert refusal_of_text(text) == expected


def test_numbers_in_exponent_notation_are_numbers() -> None:
    text = yaml.safe_dump(a_document()).replace("max: 20", "max: 2e1")

    assert parse_tuning(text, "tuning.yaml").spec.constraints[0].max == 20.0


def test_dates_and_clock_times_stay_strings() -> None:
    document = edited("metadata.annotations", {"day": "DAY", "time": "TIME"})
    text = yaml.safe_dump(document).replace("DAY", "2026-01-31").replace("TIME", "'12:30'")

    annotations = parse_tuning(text, "tuning.yaml").metadata.annotations

    assert annotations == {"day": "2026-01-31", "time": "12:30"}


def test_keys_are_strings_as_written() -> None:
    text = yaml.safe_dump(edited("metadata.labels", {"KEY": "x"})).replace("KEY", "on")

    assert parse_tuning(text, "tuning.yaml").metadata.labels == {"on": "x"}


def test_scalars_of_a_parameter_keep_their_kind() -> None:
    kinds = [1, 1.5, True, "yes"]

    tuning = parsed(edited("spec.searchSpace.parameters[2].values", kinds))

    values = tuning.spec.search_space.parameters[2].values
    assert values is not None
    assert [type(value) for value in values] == [int, float, bool, str]


def test_an_exported_object_may_carry_more_metadata() -> None:
    exported = edited("metadata.creationTimestamp", "2026-01-31T00:00:00Z")

    assert parsed(exported).metadata.name == "digits"

"""The definitions at a real API server: what it accepts, refuses and says, and what it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from api_builders import Document, a_cluster_document, a_trial_document, edited
from change_cases import CHANGES, FINISHED, MUTABLE
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace, new_namespace
from largest_documents import a_largest_document
from rule_cases import CASES, Key, key_name, keys_of_rules, rule_of

from deploytune.api.crds import RESOURCES, build_crd

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "operator" / "examples").glob("*/*.yaml"))
STRICT = ("--validate=strict", "--filename=-")
CREATE = ("create", "--dry-run=server", *STRICT)
REPLACE = ("replace", "--dry-run=server", *STRICT)


def offer(kubectl: Kubectl, arguments: tuple[str, ...], document: Document) -> str:
    """Return what the API server says against a document, nothing if it takes it."""
    done = kubectl.attempt(*arguments, document=json.dumps(document))
    assert done.returncode == 0 or done.stderr
    return done.stderr if done.returncode else ""


def says(words: str) -> str:
    """Return a pattern of a rule's words as the API server writes them, fields' values in place."""
    without_numbers = re.sub(r" = {[A-Za-z.]+}", "", words)
    return ".+".join(map(re.escape, re.split(r"{[A-Za-z.]+}", without_numbers)))


@pytest.fixture(scope="module")
def place(cluster: Access) -> Iterator[Namespace]:
    """A namespace in which nothing is made: for dry runs."""
    with new_namespace(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def standing(cluster: Access) -> Iterator[Kubectl]:
    """A namespace with a tuning that stands, to be changed in dry runs."""
    with new_namespace(cluster) as made:
        made.kubectl.create(a_cluster_document())
        yield made.kubectl


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.kind)
def test_the_definition_is_established_without_complaint(cluster: Access, resource: Any) -> None:
    found = cluster.kubectl.get("crd", f"{resource.plural}.deploytune.dev")
    assert found is not None
    conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}

    assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_every_rule_is_tried() -> None:
    assert set(CASES) == keys_of_rules(of_changes=False)
    assert set(CHANGES) == keys_of_rules(of_changes=True)


@pytest.mark.parametrize("key", CASES, ids=key_name)
def test_a_rule_refuses_what_breaks_it(place: Namespace, key: Key) -> None:
    refusal = offer(place.kubectl, CREATE, CASES[key].refused)

    assert re.search(says(rule_of(key).words), refusal)
    assert rule_of(key).field in refusal


@pytest.mark.parametrize("key", CASES, ids=key_name)
def test_a_rule_accepts_what_stands_beside_it(place: Namespace, key: Key) -> None:
    assert offer(place.kubectl, CREATE, CASES[key].accepted) == ""


def stood_up(kubectl: Kubectl, document: Document, status: Mapping[str, Any]) -> None:
    kubectl.create(document)
    if status:
        kind, name = document["kind"], document["metadata"]["name"]
        kubectl.merge_status(kind, name, {"status": dict(status)})


@pytest.mark.parametrize("key", CHANGES, ids=key_name)
def test_a_rule_of_changes_refuses_one_and_accepts_another(kubectl: Kubectl, key: Key) -> None:
    change = CHANGES[key]
    stood_up(kubectl, change.before, change.status)

    refusal = offer(kubectl, REPLACE, change.refused)

    assert re.search(says(rule_of(key).words), refusal)
    kubectl.run("delete", change.before["kind"], change.before["metadata"]["name"])
    stood_up(kubectl, change.before, change.accepted_status)
    assert offer(kubectl, REPLACE, change.accepted) == ""


@pytest.mark.parametrize("path", MUTABLE)
def test_a_user_may_mend(standing: Kubectl, path: str) -> None:
    assert offer(standing, REPLACE, edited(path, MUTABLE[path], a_cluster_document())) == ""


@pytest.mark.parametrize("names", [("a100",), ("a100", "l4", "h100")], ids=["fewer", "more"])
def test_pools_may_not_become(standing: Kubectl, names: tuple[str, ...]) -> None:
    first = a_cluster_document()["spec"]["nodePools"][0]
    pools = [{**first, "name": name} for name in names]

    refusal = offer(standing, REPLACE, edited("spec.nodePools", pools, a_cluster_document()))

    assert "must keep its pools and their order" in refusal


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("spec.nodePools[1].name", "a100", id="a pool"),
        pytest.param("spec.trial.podTemplate.env[1].name", "PLAIN", id="a variable"),
        pytest.param("spec.trial.podTemplate.volumes[1].name", "models", id="a volume"),
        pytest.param(
            "spec.trial.podTemplate.volumeMounts[1].mountPath", "/workload/models", id="a mount"
        ),
        pytest.param("spec.searchSpace.parameters[1].name", "backend", id="a parameter"),
        pytest.param("spec.workload.loads[1].name", "full", id="a load"),
    ],
)
def test_no_list_holds_twice(place: Namespace, path: str, value: str) -> None:
    refusal = offer(place.kubectl, CREATE, edited(path, value, a_cluster_document()))

    assert "Duplicate value" in refusal


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        pytest.param("spec.surprise", 1, "surprise", id="of the spec"),
        pytest.param("spec.budget.maxTrial", 1, "maxTrial", id="misspelt, inside"),
        pytest.param("spec.nodePools[0].resources.gpu", 1, "gpu", id="in a list"),
        pytest.param("status.surprise", 1, "surprise", id="of the status"),
    ],
)
def test_an_unknown_field_is_refused(place: Namespace, path: str, value: int, named: str) -> None:
    refusal = offer(place.kubectl, CREATE, edited(path, value, a_cluster_document()))

    assert re.search(f'unknown field "[^"]*{named}"', refusal)


def test_the_status_is_written_by_its_subresource_alone(kubectl: Kubectl) -> None:
    document = a_cluster_document()
    kubectl.create({**document, "status": {"trials": 7}})
    created = kubectl.get("dtune", "digits")
    kubectl.merge_status("dtune", "digits", {"status": {"trials": 3}, "spec": {"suspend": True}})
    kubectl.merge("dtune", "digits", {"status": {"trials": 9}})
    kept = kubectl.get("dtune", "digits")

    assert created is not None
    assert kept is not None
    assert "status" not in created
    assert kept["status"] == {"trials": 3}
    assert kept["spec"]["suspend"] is False
    assert kept["metadata"]["generation"] == 1


def test_defaults_are_filled_in(place: Namespace) -> None:
    document = json.dumps(a_cluster_document())
    kept = json.loads(place.kubectl.run(*CREATE, "--output=json", document=document))["spec"]

    assert kept["nodePools"][0]["allowSharedDevices"] is False
    assert "tolerations" not in kept["nodePools"][0]
    assert kept["budget"]["confirmations"] == 3
    assert (kept["suspend"], kept["parallelTrials"]) == (False, 1)
    assert kept["trial"]["podRetention"] == "OnFailure"
    assert kept["trial"]["stageDeadlinesSeconds"]["measure"] == 600


def test_the_largest_document_costs_no_more_than_is_allowed(kubectl: Kubectl) -> None:
    """CEL is charged at run time, too: for a new object and, with the old one, for a change."""
    document = a_largest_document()

    assert len(json.dumps(document)) > 300_000
    kubectl.create(document)
    assert offer(kubectl, REPLACE, edited("spec.suspend", value=True, document=document)) == ""


def objects_of(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every object with fields of its own, by the path that `kubectl explain` takes."""
    inner = schema.get("items", schema.get("additionalProperties", schema))
    if "properties" in inner:
        yield path, inner["properties"]
        for name, child in inner["properties"].items():
            yield from objects_of(child, f"{path}.{name}")


EXPLAINED_FIELD = re.compile(r"^  (\w+)\t<.*\n(?:  enum: .*\n)?    (.*)$", re.MULTILINE)
"""A field's name and the first line of what is said of it."""


def explained() -> Iterator[Any]:
    for resource in RESOURCES:
        schema = build_crd(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for part in ("spec", "status"):
            found = objects_of(schema["properties"][part], f"{resource.kind.lower()}.{part}")
            yield from (pytest.param(path, list(fields), id=path) for path, fields in found)


@pytest.mark.parametrize(("path", "fields"), list(explained()))
def test_explain_says_what_every_field_is(place: Namespace, path: str, fields: list[str]) -> None:
    text = place.kubectl.run("explain", path)
    listed = dict(EXPLAINED_FIELD.findall(text))

    assert set(listed) == set(fields)
    for name, description in listed.items():
        assert re.match(rf"{name}: \S", description), description


def test_explain_begins_with_what_the_kind_is(place: Namespace) -> None:
    assert "A tuning: the question" in place.kubectl.run("explain", "dtune")
    assert "One trial" in place.kubectl.run("explain", "ttrial")


def condition(kind: str, status: str, reason: str) -> Document:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


RUNNING = {
    "conditions": [
        condition("Finished", "False", "Running"),
        condition("Succeeded", "Unknown", "Running"),
        condition("Suspended", "False", "NotSuspended"),
        condition("Progressing", "True", "Running"),
        condition("Degraded", "True", "ImageUnavailable"),
    ],
    "searchStage": "Exploring",
    "trials": 4,
    "outcomes": {"Crashed": 1, "Infrastructure": 2},
    "acceleratorSeconds": 12.5,
}
ENDED = {
    "conditions": [
        condition("Finished", "True", "BudgetExhausted"),
        condition("Succeeded", "True", "BudgetExhausted"),
        condition("Suspended", "False", "NotSuspended"),
        condition("Progressing", "False", "BudgetExhausted"),
        condition("Degraded", "False", "AsExpected"),
    ],
    "searchStage": "Confirming",
    "trials": 23,
    "outcomes": {"Feasible": 9, "Crashed": 3},
    "best": {"trial": "digits-16", "parameters": {}, "metrics": {}},
    "acceleratorSeconds": 300,
}


def columns(kubectl: Kubectl, kind: str, *options: str) -> dict[str, str]:
    """Return the one row of `kubectl get` by its header, cut where the header's words begin."""
    header, row = kubectl.run("get", kind, *options).splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", header)]
    ends = [*starts[1:], None]
    cells = (row[start:end].strip() for start, end in zip(starts, ends, strict=True))
    return dict(zip(header.split(), cells, strict=True))


@pytest.mark.parametrize(
    ("status", "expected", "wide"),
    [
        pytest.param(
            RUNNING,
            ("False", "Unknown", "Running", "4", "", ""),
            ("Exploring", "False", "ImageUnavailable", "1", "2", "12.5", "TBA"),
            id="while it runs",
        ),
        pytest.param(
            ENDED,
            ("True", "True", "BudgetExhausted", "23", "9", "digits-16"),
            ("Confirming", "False", "AsExpected", "3", "", "300", "TBA"),
            id="when it has ended",
        ),
    ],
)
def test_the_columns_of_a_tuning_say_where_it_stands(
    kubectl: Kubectl,
    status: Document,
    expected: tuple[str, ...],
    wide: tuple[str, ...],
) -> None:
    stood_up(kubectl, a_cluster_document(), status)
    names = ("FINISHED", "SUCCEEDED", "REASON", "TRIALS", "FEASIBLE", "BEST")
    more = (
        *("STAGE", "SUSPENDED", "DEGRADED", "CRASHED"),
        *("INFRASTRUCTURE", "ACCELERATOR-SECONDS", "ALGORITHM"),
    )
    shown = columns(kubectl, "dtune")
    shown_wide = columns(kubectl, "dtune", "--output=wide")

    assert tuple(shown) == ("NAME", *names, "AGE")
    assert tuple(shown[name] for name in names) == expected
    assert tuple(shown_wide[name] for name in more) == wide
    assert re.fullmatch(r"\d+s", shown["AGE"])


def test_the_columns_of_a_trial_say_how_and_where_it_ended(kubectl: Kubectl) -> None:
    attempt = {"outcome": "Infrastructure", "attempt": 0, "pod": "digits-3-0", "node": "n1"}
    last = {"outcome": "Crashed", "attempt": 1, "pod": "digits-3-1", "node": "n2"}
    status = {
        "outcome": "Crashed",
        "cause": "OutOfMemory",
        "reachedStage": "serve",
        "trialSeconds": 40,
        "attempts": [attempt, last],
    }
    stood_up(kubectl, a_trial_document(), status)
    shown = columns(kubectl, "ttrial")
    wide = columns(kubectl, "ttrial", "--output=wide")

    names = ("PURPOSE", "OUTCOME", "CAUSE", "STAGE", "SECONDS")
    assert tuple(shown) == ("NAME", *names, "AGE")
    assert [shown[name] for name in names] == ["Search", "Crashed", "OutOfMemory", "serve", "40"]
    assert [wide[name] for name in ("TUNING", "POOL", "POD", "NODE")] == [
        "digits",
        "a100",
        "digits-3-1",
        "n2",
    ]


def test_both_kinds_are_listed_by_their_category(kubectl: Kubectl) -> None:
    kubectl.create(a_cluster_document())
    kubectl.create(a_trial_document())

    names = kubectl.run("get", "deploytune", "--output=name").split()

    assert names == [
        "deploymenttuning.deploytune.dev/digits",
        "tuningtrial.deploytune.dev/digits-3",
    ]


def test_trials_are_selected_by_their_outcome(kubectl: Kubectl) -> None:
    stood_up(kubectl, a_trial_document(), {"outcome": "Crashed"})
    running = edited("metadata.name", "digits-4", a_trial_document())
    kubectl.create(running)

    def named(selector: str) -> list[str]:
        return kubectl.run("get", "ttrial", f"--field-selector={selector}", "--output=name").split()

    assert named("status.outcome=") == ["tuningtrial.deploytune.dev/digits-4"]
    assert named("status.outcome=Crashed") == ["tuningtrial.deploytune.dev/digits-3"]


def test_one_can_wait_for_the_end(kubectl: Kubectl) -> None:
    stood_up(kubectl, a_cluster_document(), RUNNING)
    wait = ("wait", "--for=condition=Finished", "dtune/digits")

    assert "timed out" in kubectl.attempt(*wait, "--timeout=1s").stderr
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(kubectl.run, *wait, "--timeout=60s")
        kubectl.merge_status("dtune", "digits", {"status": FINISHED})
        assert "condition met" in waiting.result()


FILLED_IN = {"LATENCY_LIMIT_MS": "23.2", "RATE_PER_SECOND": "60"}
"""What an example's own preparation puts in the place of upper-case words."""


def in_yaml(page: Path) -> Iterator[str]:
    """Yield the tunings that a page shows."""
    for block in re.findall(r"^```ya?ml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        if "kind: DeploymentTuning" in block:
            yield block


def documented() -> Iterator[Any]:
    """Yield every tuning of the examples and of the pages."""
    for path in EXAMPLES:
        text = path.read_text()
        for word, figure in FILLED_IN.items():
            text = text.replace(word, figure)
        if "kind: DeploymentTuning" in text:
            yield pytest.param(text, id=str(path.relative_to(ROOT)))
    for page in (ROOT / "README.md", *sorted((ROOT / "operator").rglob("*.md"))):
        for number, block in enumerate(in_yaml(page)):
            yield pytest.param(block, id=f"{page.relative_to(ROOT)} {number}")


def test_there_are_examples() -> None:
    assert len(list(documented())) >= 2


@pytest.mark.parametrize("text", list(documented()))
def test_an_example_is_accepted(place: Namespace, text: str) -> None:
    place.kubectl.run(*CREATE, document=text)

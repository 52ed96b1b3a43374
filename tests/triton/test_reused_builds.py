"""Trials that share an artefact cache: what one has built and verified, the next ones use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trial_processes import TrialProcess

from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.report import TrialReport
from deploytune.contract.stages import Stage
from deploytune_trial.build.cache.sealed_files import read_sealed, write_sealed

pytestmark = pytest.mark.triton

FP16 = {"precision": "fp16"}


class Trials:
    """Trials of one model, one after the other, with one artefact cache."""

    def __init__(self, first: TrialProcess) -> None:
        self._first = first
        self.cache = first.folder / "cache"
        self.count = 0
        self.last = first

    def run(self, parameters: dict[str, Any], **request: Any) -> TrialReport:
        self.count += 1
        folder = self._first.folder / str(self.count)
        folder.mkdir()
        self.last = TrialProcess(folder, "", "")
        self.last.workload = self._first.workload
        self.last.variables = {"DEPLOYTUNE_ARTEFACT_CACHE": str(self.cache)}
        report = self.last.run(parameters=parameters, **request)
        assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
        return report

    def entry(self) -> Path:
        (entry,) = (self.cache / "entries").iterdir()
        return entry


@pytest.fixture
def trials(trial: TrialProcess) -> Trials:
    return Trials(trial)


def facts(report: TrialReport) -> tuple[Any, Any]:
    return report.facts.get("artefactCache"), report.facts.get("answersCache")


def test_configurations_that_share_a_build_build_and_verify_once(trials: Trials) -> None:
    first = trials.run(FP16)
    second = trials.run({**FP16, "instances": 2, "intraOpThreads": 3})

    assert facts(first) == ("Miss", "Miss")
    assert facts(second) == ("Hit", "Hit")
    for name in ("build_seconds", "accuracy", "output_drift", "artefact_mib"):
        assert first.metrics[name] == second.metrics[name]
    assert second.facts["verifiedSamples"] == first.facts["verifiedSamples"] == 64
    assert trials.last.settings()["intra_op_threads"] == 3


def test_the_stages_show_what_a_reused_build_really_took(trials: Trials) -> None:
    trials.run(FP16)
    second = trials.run(FP16)

    built = second.metrics["build_seconds"].value
    taken = second.stage_seconds[Stage.BUILD]
    assert taken < built
    assert 0 < float(second.facts["savedBuildSeconds"]) < built


def test_another_precision_is_another_build(trials: Trials) -> None:
    trials.run(FP16)
    assert facts(trials.run({"precision": "int8-dynamic"})) == ("Miss", "Miss")


def test_a_damaged_build_is_built_again(trials: Trials) -> None:
    trials.run(FP16)
    (trials.entry() / "files" / "model.onnx").write_bytes(b"no model at all")

    assert facts(trials.run(FP16)) == ("Miss", "Miss")
    assert facts(trials.run(FP16)) == ("Hit", "Hit")


def test_answers_that_do_not_agree_with_what_is_served_are_found_anew(trials: Trials) -> None:
    parameters = {"precision": "int8-dynamic"}
    first = trials.run(parameters)
    (answers,) = trials.entry().glob("answers-*.json")
    known = read_sealed(answers)
    assert known is not None
    known["metrics"]["output_drift"]["value"] = 0.0
    known["metrics"]["accuracy"]["value"] = 1.0
    write_sealed(answers, known)

    second = trials.run(parameters)

    assert facts(second) == ("Hit", "Disbelieved")
    assert second.metrics["accuracy"] == first.metrics["accuracy"]


def test_a_confirmation_verifies_what_it_serves_itself(trials: Trials) -> None:
    trials.run(FP16)
    assert facts(trials.run(FP16, measure_afresh=True)) == ("Hit", None)


def test_made_up_samples_are_verified_by_every_trial(trials: Trials) -> None:
    del trials._first.workload["evaluationData"]
    trials.run(FP16)
    assert facts(trials.run(FP16)) == ("Hit", None)


def test_a_cache_that_cannot_be_used_costs_a_build_and_nothing_else(trials: Trials) -> None:
    trials.cache.write_text("in the way")

    report = trials.run(FP16)

    assert str(report.facts["artefactCache"]).startswith("Off: ")
    assert "build_seconds" in report.metrics


def test_an_entry_says_what_it_was_built_from(trials: Trials) -> None:
    trials.run(FP16)
    record = json.loads((trials.entry() / "entry.json").read_text().partition("\n")[2])

    assert record["key"]["parameters"]["precision"] == "fp16"
    assert record["key"]["devices"]["cpu"]

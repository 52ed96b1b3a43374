"""A whole trial whose model and data lie on a web server."""

from __future__ import annotations

from pathlib import Path

from trial_processes import TrialProcess
from web_servers import a_web_server

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage


def test_a_trial_downloads_what_it_serves_and_says_its_digests(trial: TrialProcess) -> None:
    model, data = trial.workload["models"][0]["source"], trial.workload["evaluationData"]
    with a_web_server() as web:
        web.files = {"net.onnx": Path(model).read_bytes(), "e.npz": Path(data).read_bytes()}
        trial.workload["models"] = [{"name": "net", "source": web.url("net.onnx")}]
        trial.workload["evaluationData"] = web.url("e.npz")
        report = trial.run(objectives=["accuracy"])
    assert report.outcome is OutcomeKind.FEASIBLE
    assert {"modelSha256", "evaluationDataSha256"} <= report.facts.keys()
    assert report.facts["verifiedOn"] == "evaluation data"


def test_a_model_that_cannot_be_reached_is_an_infrastructure_failure(trial: TrialProcess) -> None:
    trial.workload["models"] = [{"name": "net", "source": "http://127.0.0.1:9/net.onnx"}]
    report = trial.run()
    assert (OutcomeKind.INFRASTRUCTURE, Cause.SOURCE_UNREACHABLE, Stage.LOAD) == (
        report.outcome,
        report.cause,
        report.stage,
    )

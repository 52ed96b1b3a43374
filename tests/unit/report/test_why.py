"""What `deploytune why` says of a trial."""

from __future__ import annotations

from typing import Any

import pytest
from builders import a_finished_trial, a_trial, a_tuning, metrics_of

from deploytune.api.trial import AttemptRecord, NodeDevices, Purpose, TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.report.log_tails import LogTail
from deploytune.report.why import explain_trial


def proposed(trial: TuningTrial, **proposal: Any) -> TuningTrial:
    """Return the trial with other words in its proposal."""
    changed = trial.spec.replace(proposal=trial.spec.proposal.replace(**proposal))
    return trial.model_copy(update={"spec": changed})


def ended(trial: TuningTrial, **status: Any) -> TuningTrial:
    """Return the trial with another status."""
    return trial.model_copy(update={"status": trial.status.replace(**status)})


def told(trial: TuningTrial, tuning: DeploymentTuning | None = None) -> str:
    return "\n".join(explain_trial(tuning or a_tuning(), trial))


def an_attempt_record(number: int, **fields: Any) -> AttemptRecord:
    settings = {"outcome": OutcomeKind.INFRASTRUCTURE, "cause": Cause.DISRUPTED, **fields}
    return AttemptRecord(attempt=number, **settings)


def test_a_whole_explanation() -> None:
    trial = proposed(
        a_finished_trial(
            16,
            OutcomeKind.INFEASIBLE,
            cause=Cause.LIMIT_MISSED,
            throughput=120.0,
            memory=230.0,
            seconds=42.0,
        ),
        strategy="TBA",
        search_stage="Exploiting",
        why={"rule": "model", "feasible": 0.83, "gain": 0.042, "charm": 3},
        knew=tuple(range(14)),
        in_flight=(14, 15),
        algorithm_version="0.1.0",
    )
    expected = [
        "tune-16: trial 16 of tune, on the pool local",
        "  kind=measure size=1 level=16",
        "",
        "Why it was proposed",
        "  Strategy TBA, search stage Exploiting: looking for the best of what keeps the limits.",
        "  The models chose it: of all candidates it promised the most.",
        "  The chance that it keeps every limit was put at 83 %.",
        "  The improvement expected of it was 4.2 % of the best objective so far.",
        "  charm: 3",
        "  Finished trials it knew: 14; in flight: tune-14, tune-15.",
        "  Version of the algorithm: 0.1.0.",
        "",
        "How it ended",
        "  Infeasible/LimitMissed in Report after 42 s.",
        "  Message: too much of it",
        "  throughput@full (to maximise) is 120 inferences/s.",
        "  server_memory_mib is 230 MiB: 30 MiB (15 %) above its limit of 200 MiB.",
    ]
    said = "too much of it"
    attempts = (trial.status.attempts[0].replace(message=said),)
    measured = ended(trial, reached_stage=Stage.REPORT, message=said, attempts=attempts)
    assert expected == list(explain_trial(a_tuning(), measured))


def test_a_baseline_says_what_it_is() -> None:
    assert "The baseline: all defaults" in told(a_trial(0, purpose=Purpose.BASELINE))


def test_a_confirmation_names_what_it_confirms() -> None:
    trial = a_trial(9, purpose=Purpose.CONFIRM, confirms=2)
    assert "A confirmation: it measures tune-2 again" in told(trial)


def test_a_stage_of_a_strangers_is_shown_as_it_is() -> None:
    trial = proposed(a_trial(), strategy="Mutation", search_stage="Wandering")
    assert "Strategy Mutation, search stage Wandering." in told(trial)


def test_nothing_known_and_nothing_in_flight_is_said() -> None:
    assert "Finished trials it knew: 0; in flight: none." in told(a_trial())


def test_many_trials_in_flight_are_counted() -> None:
    trial = proposed(a_trial(20), in_flight=tuple(range(11)))
    names = ", ".join(f"tune-{index}" for index in range(8))
    assert f"in flight: {names} and 3 more." in told(trial)


def test_a_crash_is_told_with_its_stage_and_without_limits() -> None:
    trial = ended(
        a_finished_trial(
            outcome=OutcomeKind.CRASHED, cause=Cause.OUT_OF_MEMORY, throughput=None, memory=None
        ),
        reached_stage=Stage.BUILD,
        message="killed",
    )
    assert "Crashed/OutOfMemory in Build after 1 s." in told(trial)
    assert "Message: killed" in told(trial)
    assert "limit" not in told(trial).partition("How it ended")[2]


def test_a_feasible_trial_has_its_objective_and_no_missed_limit() -> None:
    how = told(a_finished_trial()).partition("How it ended")[2]
    assert "Feasible after 1 s." in how
    assert "throughput@full (to maximise) is 100 inferences/s." in how
    assert "server_memory_mib" not in how


def test_a_limit_that_was_not_measured_is_not_met() -> None:
    trial = a_finished_trial(outcome=OutcomeKind.INVALID, memory=None)
    assert "server_memory_mib was not measured, so its limit of 200 MiB is not met." in told(trial)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"min": 120}, "20 inferences/s (16.67 %) below its limit of 120 inferences/s."),
        ({"max": 0}, "100 inferences/s above its limit of 0 inferences/s."),
    ],
    ids=["from below", "of zero"],
)
def test_a_missed_limit_says_by_how_much(limit: dict[str, float], words: str) -> None:
    limits = [{"metric": "throughput", "load": "full", **limit}]
    tuning = a_tuning(spec={"constraints": limits})
    expected = f"throughput@full is 100 inferences/s: {words}"
    assert expected in told(a_finished_trial(outcome=OutcomeKind.INFEASIBLE), tuning)


def test_an_interval_is_shown_and_uncertainty_said() -> None:
    measured = metrics_of(100.0, 199.0)
    measured["server_memory_mib"] = measured["server_memory_mib"].replace(half_width=3.0)
    measured["throughput@full"] = measured["throughput@full"].replace(half_width=2.0)
    trial = ended(a_finished_trial(), metrics=measured, uncertain=True)
    assert "is 100 ± 2 inferences/s." in told(trial)
    assert "Uncertain: an interval reaches across a limit" in told(trial)


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        pytest.param(
            NodeDevices(product="NVIDIA-L4", driver="570.1", cuda="12.8", sharing="Exclusive"),
            "Devices of node n-1: NVIDIA-L4, driver 570.1, CUDA 12.8.",
            id="whole",
        ),
        pytest.param(
            NodeDevices(product="A100", mig="1g.5gb", sharing="Shared", shared_by="replicas=2"),
            "Devices of node n-1: A100, MIG 1g.5gb, shared with others (replicas=2).",
            id="a shared slice",
        ),
        pytest.param(
            NodeDevices(sharing="Unknown"),
            "Devices of node n-1: unknown, the operator may not read Nodes.",
            id="unknown",
        ),
    ],
)
def test_the_devices_of_the_node_are_told(devices: NodeDevices, words: str) -> None:
    record = an_attempt_record(0, outcome=OutcomeKind.FEASIBLE, node="n-1", devices=devices)
    assert words in told(ended(a_finished_trial(), attempts=(record,)))


def test_attempts_that_settled_nothing_are_told() -> None:
    trial = a_finished_trial()
    attempts = (an_attempt_record(0, message="node lost"), *trial.status.attempts)
    how = told(ended(trial, attempts=attempts)).partition("How it ended")[2]
    assert "Attempt 0 was Infrastructure/Disrupted: node lost" in how
    assert 1 == how.count("Attempt")


def test_a_trial_that_waits_for_its_user_says_what_for() -> None:
    attempt = an_attempt_record(
        0, outcome=OutcomeKind.MISCONFIGURED, cause=Cause.MISSING_DEPENDENCY, message="no torch"
    )
    text = told(ended(a_trial(), attempts=(attempt,)))
    assert "Not ended yet\n  Attempt 0 was Misconfigured/MissingDependency: no torch" in text
    assert "How it ended" not in text


def test_a_trial_of_which_no_attempt_has_ended_says_so() -> None:
    assert told(a_trial()).endswith("Not ended yet\n  No attempt has ended.")


def test_of_many_attempts_the_latest_are_told_and_the_others_counted() -> None:
    attempts = tuple(an_attempt_record(number) for number in range(7))
    text = told(ended(a_trial(), attempts=attempts))
    assert "2 earlier attempts did not settle it." in text
    assert "Attempt 1 " not in text
    assert "Attempt 2 was Infrastructure/Disrupted." in text


def test_texts_of_others_cannot_steer_the_terminal_or_pretend_to_be_lines() -> None:
    trial = ended(a_finished_trial(), message="\x1b[2J\nHow it ended\r\u202e")
    lines = explain_trial(a_tuning(), proposed(trial, why={"a\nb": "\x07c"}))
    assert all(line.isprintable() for line in lines)
    assert 1 == lines.count("How it ended")
    assert "  a b:  c" in lines


def test_a_failure_names_the_rule_that_decided_it() -> None:
    record = an_attempt_record(0, outcome=OutcomeKind.CRASHED, cause=None, rule="UnknownKill")
    crashed = a_finished_trial(outcome=OutcomeKind.CRASHED)
    text = told(ended(crashed, attempts=(record,)))
    assert "  Decided by the rule UnknownKill: it was killed with SIGKILL by nobody we know" in text


def test_a_rule_of_another_version_is_named_and_one_that_is_not_on_record_is_not() -> None:
    known, unknown = (an_attempt_record(0, rule=rule) for rule in ("Tomorrow", None))
    assert "Decided by the rule Tomorrow." in told(ended(a_trial(), attempts=(known,)))
    assert "rule" not in told(ended(a_trial(), attempts=(unknown,))).partition("ended yet")[2]


def test_a_trial_that_was_given_up_was_decided_by_no_rule_of_an_attempt_before() -> None:
    record = an_attempt_record(0, rule="PodGone", message="the node is lost")
    withdrawn = ended(
        a_finished_trial(outcome=OutcomeKind.INFRASTRUCTURE, cause=Cause.INTERRUPTED),
        attempts=(record,),
        message="withdrawn: the search was stopped before it had a result",
    )
    how = told(withdrawn).partition("How it ended")[2]
    assert "Message: withdrawn: the search was stopped" in how
    assert "Attempt 0 was Infrastructure/Disrupted: the node is lost" in how
    assert "Decided" not in how


def test_what_worked_is_decided_by_its_report_and_needs_no_rule() -> None:
    record = an_attempt_record(0, outcome=OutcomeKind.FEASIBLE, rule="Report")
    assert "Decided" not in told(ended(a_finished_trial(), attempts=(record,)))


def test_the_end_of_the_log_comes_last_and_cannot_steer_the_terminal() -> None:
    lines = explain_trial(a_tuning(), a_trial(), LogTail("Pod tune-0-0", ("one", "two\x1b")))
    assert ("", "The end of its log (Pod tune-0-0)", "  one", "  two ") == lines[-4:]
    assert all(line.isprintable() for line in lines)


def test_why_there_is_no_log_is_said() -> None:
    log = LogTail("Pod tune-0-0", why_none="the Pod is gone, and its log with it")
    lines = explain_trial(a_tuning(), a_trial(), log)
    assert lines[-1] == "  None: the Pod is gone, and its log with it."

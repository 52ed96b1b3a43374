"""How an attempt ended: an ordered chain of small rules, the first that hits wins.

`ending_rules.py` has their order, and what each says.

A report is believed as far as it agrees with itself: whoever claims to be feasible shows every
limited metric and the objective, and misses no limit.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, replace

from deploytune.api.trial import AttemptRecord
from deploytune.contract.codec import decode_message
from deploytune.contract.errors import TrialContractError
from deploytune.contract.exit_codes import TrialExit
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import METRICS, split_metric_key
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Breadcrumb, TrialReport
from deploytune.contract.stages import Stage
from deploytune.state.ending_rules import EndingRule
from deploytune.state.world import EndedBy, Ending

_SIGNAL_OFFSET = 128
_LONGEST_MESSAGE = 1024
_CANNOT_RUN = (126, 127)
_POLITE_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class AttemptIdentity:
    """Which attempt was asked for, what its report must show, and the node it was on.

    `not_exclusive` is why nothing that was measured there counts, None if it does.
    """

    trial: str
    index: int
    attempt: int
    limits: tuple[Limit, ...] = ()
    objectives: tuple[str, ...] = ()
    node: str | None = None
    not_exclusive: str | None = None


@dataclass(frozen=True)
class Verdict:
    """How an attempt ended; `report` is there when the trial's own words were taken.

    `rule` is the one that decided it.
    """

    outcome: OutcomeKind
    cause: Cause | None = None
    message: str = ""
    stage: Stage | None = None
    report: TrialReport | None = None
    rule: EndingRule = EndingRule.ANYTHING_ELSE


def classify(
    identity: AttemptIdentity, ending: Ending, earlier: tuple[AttemptRecord, ...] = ()
) -> Verdict:
    """Return the verdict on an attempt that ended after the `earlier` ones of its trial."""
    evidence = _gather(identity, ending, earlier)
    found = ((rule, verdict_of(evidence)) for rule, verdict_of in _CHAIN)
    return next(replace(verdict, rule=rule) for rule, verdict in found if verdict is not None)


@dataclass(frozen=True)
class _Evidence:
    """Everything a rule may look at; `broken` says why the message is no word of this attempt."""

    identity: AttemptIdentity
    ending: Ending
    earlier: tuple[AttemptRecord, ...]
    report: TrialReport | None = None
    breadcrumb: Breadcrumb | None = None
    broken: str | None = None

    @property
    def stage(self) -> Stage | None:
        """The last stage that the trial said it began."""
        word = self.report or self.breadcrumb
        return None if word is None else word.stage

    @property
    def was_ended_by_us(self) -> bool:
        """Whether we asked for the end, or died."""
        return self.ending.ended_by in (EndedBy.REQUEST, EndedBy.LOST_OWNER)


def _gather(
    identity: AttemptIdentity, ending: Ending, earlier: tuple[AttemptRecord, ...]
) -> _Evidence:
    report = breadcrumb = broken = None
    if ending.message.strip():
        try:
            message = decode_message(ending.message)
        except TrialContractError as error:
            broken = str(error)
        else:
            if isinstance(message, Breadcrumb):
                breadcrumb = message
            else:
                broken = _why_another(message, identity) or _why_impossible(message)
                report = message if broken is None else None
    return _Evidence(identity, ending, earlier, report, breadcrumb, broken)


def _why_another(report: TrialReport, identity: AttemptIdentity) -> str | None:
    expected = (identity.trial, identity.index, identity.attempt)
    found = (report.trial, report.index, report.attempt)
    if found == expected:
        return None
    return f"report must be of trial, index, attempt {expected}, got {found}"


def _why_impossible(report: TrialReport) -> str | None:
    """Return why figures cannot be: few of the metrics that deploytune knows may be negative."""
    for key, measured in report.metrics.items():
        definition = METRICS.get(split_metric_key(key)[0])
        if definition is not None and measured.value < 0 and not definition.may_be_negative:
            return f"report must not have a negative {key}, got {measured.value:g}"
    return None


def _on_shared_devices(evidence: _Evidence) -> Verdict | None:
    message = evidence.identity.not_exclusive
    if message is None or evidence.ending.ended_by is EndedBy.DISRUPTION:
        return None
    return _verdict(evidence, OutcomeKind.MISCONFIGURED, None, message)


def _out_of_memory(evidence: _Evidence) -> Verdict | None:
    if not evidence.ending.out_of_memory:
        return None
    message = "a process of the trial was killed because the trial exceeded its memory limit"
    return _verdict(evidence, OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY, message)


def _broken_message(evidence: _Evidence) -> Verdict | None:
    if evidence.broken is None or evidence.ending.exit_code != TrialExit.REPORTED:
        return None
    if evidence.ending.ended_by is EndedBy.DISRUPTION:
        return None  # it may have been cut short
    return _verdict(evidence, OutcomeKind.INVALID, Cause.BROKEN_REPORT, evidence.broken)


def _missing_its_device_again(evidence: _Evidence) -> Verdict | None:
    """Only before anything was run on it: later the trial may have done it itself."""
    report = evidence.report
    if report is None or evidence.ending.exit_code != TrialExit.REPORTED:
        return None
    is_missing = report.cause is Cause.HARDWARE_FAULT and report.stage is Stage.LOAD
    if not is_missing or not _had_no_device_before(evidence):
        return None
    message = _bounded(_again_on_its_node(evidence, report.message))
    cause = Cause.MISSING_DEPENDENCY
    return Verdict(OutcomeKind.MISCONFIGURED, cause, message, report.stage, report)


def _reported(evidence: _Evidence) -> Verdict | None:
    report = evidence.report
    if report is None:
        return None
    if evidence.ending.exit_code != TrialExit.REPORTED and not evidence.was_ended_by_us:
        return None
    if report.outcome is OutcomeKind.FEASIBLE:
        doubt = _doubt_feasibility(report, evidence.identity)
        if doubt is not None:
            return doubt
    cause = report.cause
    if cause is Cause.UNKNOWN_KILL and _was_killed_before(evidence):
        message = _bounded(f"{report.message}, again")
        return Verdict(OutcomeKind.CRASHED, Cause.ERROR, message, report.stage, report)
    if cause is Cause.INTERRUPTED and not evidence.was_ended_by_us:
        if evidence.ending.ended_by in (EndedBy.RUN_DEADLINE, EndedBy.DISRUPTION):
            return None
        # Interruptions do not count against the retries, so a trial may not claim one.
        cause = Cause.DISRUPTED
    return Verdict(report.outcome, cause, report.message, report.stage, report)


def _doubt_feasibility(report: TrialReport, identity: AttemptIdentity) -> Verdict | None:
    needed = dict.fromkeys((*(limit.metric for limit in identity.limits), *identity.objectives))
    missing = [key for key in needed if key not in report.metrics]
    if missing:
        message = _bounded(f"reported Feasible without {', '.join(missing)}")
        return Verdict(OutcomeKind.INVALID, Cause.METRIC_MISSING, message, report.stage, report)
    for limit in identity.limits:
        value = report.metrics[limit.metric].value
        if not limit.is_met_by(value):
            message = f"reported Feasible, but {limit.metric} {value:g} misses {limit.bound:g}"
            return Verdict(OutcomeKind.INVALID, Cause.BROKEN_REPORT, message, report.stage, report)
    return None


def _ended_by_us(evidence: _Evidence) -> Verdict | None:
    if not evidence.was_ended_by_us:
        return None
    message = evidence.ending.detail or "ended before it had a result"
    return _verdict(evidence, OutcomeKind.INFRASTRUCTURE, Cause.INTERRUPTED, message)


def _disrupted(evidence: _Evidence) -> Verdict | None:
    if evidence.ending.ended_by is not EndedBy.DISRUPTION:
        return None
    message = evidence.ending.detail or "the cluster ended it"
    return _verdict(evidence, OutcomeKind.INFRASTRUCTURE, Cause.DISRUPTED, message)


def _set_wrongly(evidence: _Evidence) -> Verdict | None:
    if evidence.ending.ended_by is not EndedBy.SETTING:
        return None
    message = evidence.ending.detail or "the cluster cannot give what its Pod asks for"
    return _verdict(evidence, OutcomeKind.MISCONFIGURED, None, message)


def _past_run_deadline(evidence: _Evidence) -> Verdict | None:
    if evidence.ending.ended_by is not EndedBy.RUN_DEADLINE:
        return None
    message = "did not end by itself at its run deadline"
    return _verdict(evidence, OutcomeKind.TIMED_OUT, Cause.RUN_DEADLINE, message)


def _out_of_its_disk(evidence: _Evidence) -> Verdict | None:
    if evidence.ending.ended_by is not EndedBy.OWN_DISK:
        return None
    message = evidence.ending.detail or "used more ephemeral storage than its limit"
    return _verdict(evidence, OutcomeKind.CRASHED, Cause.DISK_FULL, message)


def _without_its_device(evidence: _Evidence) -> Verdict | None:
    if evidence.ending.ended_by is not EndedBy.DEVICE:
        return None
    message = evidence.ending.detail or "its container could not be given its accelerator"
    if _had_no_device_before(evidence):
        message = _again_on_its_node(evidence, message)
        return _verdict(evidence, OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY, message)
    return _verdict(evidence, OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT, message)


def _again_on_its_node(evidence: _Evidence, message: str) -> str:
    return f"again on {evidence.identity.node or 'its node'}: {message}"


def _had_no_device_before(evidence: _Evidence) -> bool:
    return any(
        attempt.cause in (Cause.HARDWARE_FAULT, Cause.MISSING_DEPENDENCY)
        and attempt.node == evidence.identity.node
        for attempt in evidence.earlier
    )


def _without_its_command(evidence: _Evidence) -> Verdict | None:
    if evidence.ending.ended_by is not EndedBy.COMMAND:
        return None
    message = evidence.ending.detail or "its command cannot be started"
    return _verdict(evidence, OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY, message)


def _exit_code_of_ours(evidence: _Evidence) -> Verdict | None:
    match evidence.ending.exit_code:
        case TrialExit.NO_REQUEST:
            outcome, cause = OutcomeKind.MISCONFIGURED, Cause.BAD_WORKLOAD
            message = "the trial does not understand its request; its log says why"
        case TrialExit.CANNOT_REPORT:
            outcome, cause = OutcomeKind.INFRASTRUCTURE, Cause.DISRUPTED
            message = "the trial could not write its report"
        case _:
            return None
    return _verdict(evidence, outcome, cause, message)


def _cannot_run(evidence: _Evidence) -> Verdict | None:
    if evidence.ending.exit_code not in _CANNOT_RUN:
        return None
    message = "the trial's command, or one that it runs, cannot be run; its log says why"
    return _verdict(evidence, OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY, message)


def _politely_ended(evidence: _Evidence) -> Verdict | None:
    number = _signal(evidence.ending.exit_code)
    if number not in _POLITE_SIGNALS:
        return None
    message = f"ended with {signal.Signals(number).name} by somebody else"
    return _verdict(evidence, OutcomeKind.INFRASTRUCTURE, Cause.DISRUPTED, message)


def _killed_by_nobody_known(evidence: _Evidence) -> Verdict | None:
    code = evidence.ending.exit_code
    if code is not None and _signal(code) != signal.SIGKILL:
        return None
    who = evidence.ending.detail or "killed with SIGKILL from an unknown sender"
    if _was_killed_before(evidence):
        return _verdict(evidence, OutcomeKind.CRASHED, Cause.ERROR, f"{who}, again")
    return _verdict(evidence, OutcomeKind.INFRASTRUCTURE, Cause.UNKNOWN_KILL, who)


def _was_killed_before(evidence: _Evidence) -> bool:
    return any(attempt.cause is Cause.UNKNOWN_KILL for attempt in evidence.earlier)


def _silent(evidence: _Evidence) -> Verdict | None:
    if evidence.ending.exit_code != TrialExit.REPORTED:
        return None
    message = "exit code 0 without a report"
    return _verdict(evidence, OutcomeKind.INVALID, Cause.BROKEN_REPORT, message)


def _crashed(evidence: _Evidence) -> Verdict:
    message = _exit_text(evidence.ending.exit_code)
    return _verdict(evidence, OutcomeKind.CRASHED, Cause.ERROR, message)


_CHAIN: tuple[tuple[EndingRule, Callable[[_Evidence], Verdict | None]], ...] = (
    (EndingRule.SHARED_DEVICES, _on_shared_devices),
    (EndingRule.OUT_OF_MEMORY, _out_of_memory),
    (EndingRule.BROKEN_MESSAGE, _broken_message),
    (EndingRule.DEVICE_MISSED_AGAIN, _missing_its_device_again),
    (EndingRule.REPORT, _reported),
    (EndingRule.ENDED_BY_US, _ended_by_us),
    (EndingRule.DISRUPTION, _disrupted),
    (EndingRule.SETTING, _set_wrongly),
    (EndingRule.RUN_DEADLINE, _past_run_deadline),
    (EndingRule.OWN_DISK, _out_of_its_disk),
    (EndingRule.DEVICE, _without_its_device),
    (EndingRule.COMMAND, _without_its_command),
    (EndingRule.EXIT_CODE_OF_OURS, _exit_code_of_ours),
    (EndingRule.CANNOT_RUN, _cannot_run),
    (EndingRule.POLITE_SIGNAL, _politely_ended),
    (EndingRule.UNKNOWN_KILL, _killed_by_nobody_known),
    (EndingRule.NO_REPORT, _silent),
    (EndingRule.ANYTHING_ELSE, _crashed),
)


def _verdict(
    evidence: _Evidence, outcome: OutcomeKind, cause: Cause | None, message: str
) -> Verdict:
    return Verdict(outcome, cause, _bounded(message), evidence.stage)


def _bounded(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 1] + "…"


def _signal(exit_code: int | None) -> int | None:
    """Return the signal behind an exit code, as Python or as a shell gives it."""
    if exit_code is None:
        return None
    return -exit_code if exit_code < 0 else exit_code - _SIGNAL_OFFSET


def _exit_text(exit_code: int | None) -> str:
    number = _signal(exit_code)
    known = {int(known): known.name for known in signal.Signals}
    if number in known:
        return f"ended by {known[number]}; its log says more"
    return f"exit code {exit_code}; its log says more"

"""How an attempt ended: an ordered chain of small rules, the first that hits wins.

    shared devices      of the node, which its pool does not allow: nothing measured there counts
    out of memory       of any process of the attempt, even with exit code 0 and a report
    a broken message    with exit code 0 and undisturbed: what claims to be a report is none, or
                        another attempt's
    its device again    missed by a report before the trial began, as before on the same node
    a report            with exit code 0, or complete when we ended the attempt
    ended by us         on request, or because the run was lost
    a disruption        of the cluster: evicted, preempted, refused, deleted by others, lost
    a setting           that the cluster cannot give, until the attempt's deadline
    the run deadline    behind the trial's own watchdog
    its own disk        more ephemeral storage than its limit
    its device          not given to the container: infrastructure the first time on a node, then
                        for somebody to mend
    its command         cannot be started
    our exit codes      when no report was possible; 126 and 127: the command cannot be run
    a signal            SIGKILL by nobody we know is infrastructure the first time, a crash then
    exit code 0         without a report
    anything else       a crash

A report is believed as far as it agrees with itself: whoever claims to be feasible shows every
limited metric and the objective, and misses no limit.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from deploytune.api.trial import AttemptRecord
from deploytune.contract.codec import decode_message
from deploytune.contract.errors import TrialContractError
from deploytune.contract.exit_codes import TrialExit
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import METRICS, split_metric_key
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Breadcrumb, TrialReport
from deploytune.contract.stages import Stage
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
    """How an attempt ended; `report` is there when the trial's own words were taken."""

    outcome: OutcomeKind
    cause: Cause | None = None
    message: str = ""
    stage: Stage | None = None
    report: TrialReport | None = None


def classify(
    identity: AttemptIdentity, ending: Ending, earlier: tuple[AttemptRecord, ...] = ()
) -> Verdict:
    """Return the verdict on an attempt that ended after the `earlier` ones of its trial."""
    evidence = _gather(identity, ending, earlier)
    for rule in _CHAIN:
        verdict = rule(evidence)
        if verdict is not None:
            return verdict
    return _verdict(evidence, OutcomeKind.CRASHED, Cause.ERROR, _exit_text(ending.exit_code))


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


_CHAIN: tuple[Callable[[_Evidence], Verdict | None], ...] = (
    _on_shared_devices,
    _out_of_memory,
    _broken_message,
    _missing_its_device_again,
    _reported,
    _ended_by_us,
    _disrupted,
    _set_wrongly,
    _past_run_deadline,
    _out_of_its_disk,
    _without_its_device,
    _without_its_command,
    _exit_code_of_ours,
    _cannot_run,
    _politely_ended,
    _killed_by_nobody_known,
    _silent,
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

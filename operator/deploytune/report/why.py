"""Why a trial was proposed and how it ended, as a short text.

Everything in it comes from the record: the trial, and the tuning for its objective and its limits;
and the end of its log, if it failed. Texts that others wrote, such as a trial's message, are put on
one line, without what a terminal would obey.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deploytune.api.trial import (
    AttemptRecord,
    Purpose,
    Sharing,
    TrialStatusRecord,
    TuningTrial,
    trial_name,
)
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.report.log_tails import LogTail
from deploytune.report.reasons import describe_reasons
from deploytune.report.wording import (
    counted,
    describe_parameters,
    describe_percent,
    describe_seconds,
    describe_value,
    printable,
)
from deploytune.state.ending_rules import sentence_of

_STAGES = {
    "Exploring": "looking for what runs and keeps the limits",
    "Exploiting": "looking for the best of what keeps the limits",
    "Confirming": "measuring the winner again before it is believed",
}
_MEASURED = (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE, OutcomeKind.INVALID)
_MOST_NAMES = 8
_MOST_ATTEMPTS = 5


def explain_trial(
    tuning: DeploymentTuning, trial: TuningTrial, log: LogTail | None = None
) -> tuple[str, ...]:
    """Return the lines that say why a trial was proposed, how it ended, and its log's end."""
    lines = (
        *_what_it_is(trial),
        "",
        "Why it was proposed",
        *_indented(_why_proposed(trial)),
        "",
        "How it ended" if trial.is_finished else "Not ended yet",
        *_indented(_how_ended(tuning, trial)),
        *_end_of_log(log),
    )
    return tuple(printable(line) for line in lines)


def _what_it_is(trial: TuningTrial) -> Iterator[str]:
    spec = trial.spec
    yield f"{trial.metadata.name}: trial {spec.index} of {spec.tuning}, on the pool {spec.pool}"
    yield f"  {describe_parameters(spec.parameters)}"
    if spec.purpose is Purpose.BASELINE:
        yield "  The baseline: all defaults, measured first of all, to compare the others with."
    if spec.purpose is Purpose.CONFIRM and spec.confirms is not None:
        confirmed = trial_name(spec.tuning, spec.confirms)
        yield f"  A confirmation: it measures {confirmed} again, before that answer is believed."


def _why_proposed(trial: TuningTrial) -> Iterator[str]:
    proposal = trial.spec.proposal
    stage = _STAGES.get(proposal.search_stage)
    yield (
        f"Strategy {proposal.strategy}, search stage {proposal.search_stage}"
        f"{'' if stage is None else f': {stage}'}."
    )
    yield from describe_reasons(proposal.why)
    names = [trial_name(trial.spec.tuning, index) for index in proposal.in_flight]
    yield f"Finished trials it knew: {len(proposal.knew)}; in flight: {_listed(names) or 'none'}."
    if proposal.algorithm_version:
        yield f"Version of the algorithm: {proposal.algorithm_version}."


def _how_ended(tuning: DeploymentTuning, trial: TuningTrial) -> Iterator[str]:
    status = trial.status
    earlier, deciding = status.attempts, trial.deciding_attempt
    if status.outcome is not None:
        stage = "" if status.reached_stage is None else f" in {status.reached_stage}"
        seconds = describe_seconds(status.trial_seconds)
        yield f"{_verdict(status.outcome, status.cause)}{stage} after {seconds}."
        if status.message:
            yield f"Message: {status.message}"
        yield from _deciding_rule(deciding)
        yield from _devices(status.attempts[-1:])
        yield from _figures(tuning, status)
        earlier = earlier if deciding is None else earlier[:-1]
    elif not earlier:
        yield "No attempt has ended."
    yield from _attempts(earlier)
    if status.outcome is None:
        yield from _deciding_rule(deciding)


def _deciding_rule(attempt: AttemptRecord | None) -> Iterator[str]:
    """Yield which rule made an outcome of the end of an attempt, if it is a failure."""
    if attempt is None or attempt.rule is None or attempt.outcome is OutcomeKind.FEASIBLE:
        return
    sentence = sentence_of(attempt.rule)
    yield f"Decided by the rule {attempt.rule}{'' if sentence is None else f': {sentence}'}."


def _end_of_log(log: LogTail | None) -> Iterator[str]:
    if log is None:
        return
    yield ""
    yield f"The end of its log ({log.place})"
    yield from _indented(iter(log.lines or (f"None: {log.why_none}.",)))


def _devices(last: Sequence[AttemptRecord]) -> Iterator[str]:
    """Yield what the node of the last attempt has said of its devices."""
    for attempt in last:
        devices = attempt.devices
        if devices is None:
            continue
        if devices.sharing is Sharing.UNKNOWN:
            yield f"Devices of node {attempt.node}: unknown, the operator may not read Nodes."
            continue
        said = (
            devices.product or "a product without a name",
            devices.mig and f"MIG {devices.mig}",
            devices.driver and f"driver {devices.driver}",
            devices.cuda and f"CUDA {devices.cuda}",
            devices.shared_by and f"shared with others ({devices.shared_by})",
        )
        yield f"Devices of node {attempt.node}: {', '.join(filter(None, said))}."


def _figures(tuning: DeploymentTuning, status: TrialStatusRecord) -> Iterator[str]:
    """Yield the objective, then the limits that are not met."""
    objective = tuning.spec.objectives[0]
    if objective.key in status.metrics:
        aim = objective.direction.value.lower().replace("ize", "ise")
        yield f"{objective.key} (to {aim}) is {_value(status, objective.key)}."
    for limited in tuning.spec.constraints:
        missed = _missed(status, Limit(metric=limited.key, max=limited.max, min=limited.min))
        if missed is not None:
            yield missed
    if status.uncertain:
        yield "Uncertain: an interval reaches across a limit, and more measuring was not allowed."


def _missed(status: TrialStatusRecord, limit: Limit) -> str | None:
    """Return by how much a limit is missed, None where it is met or nothing was measured at all."""
    key = limit.metric
    bound = describe_value(key, limit.bound)
    if key not in status.metrics:
        if status.outcome not in _MEASURED:
            return None
        return f"{key} was not measured, so its limit of {bound} is not met."
    value = status.metrics[key].value
    if limit.is_met_by(value):
        return None
    excess = limit.excess(value)
    share = f" ({describe_percent(excess / abs(limit.bound))})" if limit.bound else ""
    side = "above" if limit.max is not None else "below"
    return (
        f"{key} is {_value(status, key)}: {describe_value(key, excess)}{share} {side} its limit "
        f"of {bound}."
    )


def _attempts(attempts: Sequence[AttemptRecord]) -> Iterator[str]:
    """Yield a line for each of the latest attempts that did not settle it."""
    shown = attempts[-_MOST_ATTEMPTS:]
    if len(shown) < len(attempts):
        yield f"{counted(len(attempts) - len(shown), 'earlier attempt')} did not settle it."
    for attempt in shown:
        message = f": {attempt.message}" if attempt.message else "."
        yield f"Attempt {attempt.attempt} was {_verdict(attempt.outcome, attempt.cause)}{message}"


def _verdict(outcome: OutcomeKind, cause: Cause | None) -> str:
    return outcome.value if cause is None else f"{outcome}/{cause}"


def _value(status: TrialStatusRecord, key: str) -> str:
    measured = status.metrics[key]
    return describe_value(key, measured.value, measured.half_width)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)

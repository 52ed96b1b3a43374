"""What to create and what to start, never beyond the room of the tuning and of each pool.

Unfinished trials come first, then confirmations of the candidate once the search is over, then new
proposals, one at a time: each knows those before it as in flight. An index that exists is never
used again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploytune import __version__
from deploytune.api.translate import POOL_PARAMETER
from deploytune.api.trial import (
    AttemptRecord,
    ProposalRecord,
    Purpose,
    TrialMetadata,
    TrialSpecRecord,
    TuningTrial,
    trial_name,
)
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.search.proposals import Proposal
from deploytune.search.proposing import next_proposal
from deploytune.state.back_off import doubled_seconds
from deploytune.state.confirm import Candidate
from deploytune.state.history import knowledge_of
from deploytune.state.pods.template import template_digest
from deploytune.state.pools import Room
from deploytune.state.settle import infrastructure_failures, misconfigured_in_a_row
from deploytune.state.timestamps import from_timestamp

CONFIRMING = "Confirming"

_FIRST_BACK_OFF_SECONDS = 5.0  # a device plugin or a kubelet that starts again takes a while
_FIRST_LOCAL_BACK_OFF_SECONDS = 1.0
_FIRST_MENDING_SECONDS = 60.0
_LONGEST_BACK_OFF_SECONDS = 300.0


@dataclass(frozen=True)
class NextAttempt:
    """An attempt to start, and not before when."""

    trial: TuningTrial
    attempt: int
    not_before: datetime | None = None


def propose_trials(
    tuning: DeploymentTuning, problem: Problem, trials: tuple[TuningTrial, ...], room: Room
) -> tuple[TuningTrial, ...]:
    """Return the new trials of the search that there is room for."""
    created: list[TuningTrial] = []
    while room.total > 0 and len(room.full_pools) < len(room.by_pool):
        all_trials = (*trials, *created)
        knowledge, index = knowledge_of(problem, all_trials), next_index(all_trials)
        not_now = tuple({POOL_PARAMETER: pool} for pool in room.full_pools)
        proposal = next_proposal(problem, knowledge, index, not_now)
        if proposal is None:
            break
        created.append(_search_trial(tuning, proposal, knowledge, index))
        room = room.taken(created[-1].spec.pool)
    return tuple(created)


def propose_confirmations(
    tuning: DeploymentTuning,
    problem: Problem,
    candidate: Candidate,
    trials: tuple[TuningTrial, ...],
    room: Room,
) -> tuple[TuningTrial, ...]:
    """Return the new trials that measure the candidate again, on its own pool."""
    confirmed = candidate.trial.spec
    missing = candidate.missing(tuning.spec.budget.confirmations)
    first = next_index(trials)
    record = _confirmation_record(knowledge_of(problem, trials))
    return tuple(
        _trial(
            tuning,
            TrialSpecRecord(
                tuning=tuning.metadata.name,
                index=index,
                parameters=confirmed.parameters,
                pool=confirmed.pool,
                purpose=Purpose.CONFIRM,
                confirms=confirmed.index,
                proposal=record,
            ),
        )
        for index in range(first, first + min(missing, room.of(confirmed.pool)))
    )


def next_attempts(
    tuning: DeploymentTuning, waiting: Iterable[TuningTrial]
) -> tuple[NextAttempt, ...]:
    """Return the next attempt of every waiting trial, after its back-off."""
    return tuple(_next_attempt(tuning, trial) for trial in waiting)


def next_index(trials: tuple[TuningTrial, ...]) -> int:
    """Return the lowest index that was never used."""
    return max((trial.spec.index for trial in trials), default=-1) + 1


def _next_attempt(tuning: DeploymentTuning, trial: TuningTrial) -> NextAttempt:
    records = trial.status.attempts
    if not records:
        return NextAttempt(trial, 0)
    number = max(record.attempt for record in records) + 1
    last = records[-1]
    if last.end_time is None or _was_mended(tuning, trial, last):
        return NextAttempt(trial, number)
    return NextAttempt(trial, number, from_timestamp(last.end_time) + _back_off(records))


def _was_mended(tuning: DeploymentTuning, trial: TuningTrial, last: AttemptRecord) -> bool:
    """Tell whether a mistake was mended; whoever runs it again on this machine has done so."""
    return last.outcome is OutcomeKind.MISCONFIGURED and (
        last.template is None or last.template != template_digest(tuning, trial.spec.pool)
    )


def _back_off(records: tuple[AttemptRecord, ...]) -> timedelta:
    """Return the pause after the last attempt: none after our own interruption."""
    last = records[-1]
    if last.outcome is OutcomeKind.MISCONFIGURED:
        first, times = _FIRST_MENDING_SECONDS, misconfigured_in_a_row(records)
    elif last.outcome is OutcomeKind.INFRASTRUCTURE and last.cause is not Cause.INTERRUPTED:
        is_pod = last.pod is not None
        first = _FIRST_BACK_OFF_SECONDS if is_pod else _FIRST_LOCAL_BACK_OFF_SECONDS
        times = infrastructure_failures(records)
    else:
        return timedelta()
    return timedelta(seconds=doubled_seconds(first, times, _LONGEST_BACK_OFF_SECONDS))


def _search_trial(
    tuning: DeploymentTuning, proposal: Proposal, knowledge: Knowledge, index: int
) -> TuningTrial:
    parameters = dict(proposal.parameters)
    pool = parameters.pop(POOL_PARAMETER, None) if len(tuning.spec.node_pools) > 1 else None
    return _trial(
        tuning,
        TrialSpecRecord(
            tuning=tuning.metadata.name,
            index=index,
            parameters=parameters,
            pool=tuning.spec.node_pools[0].name if pool is None else str(pool),
            purpose=Purpose.BASELINE if proposal.is_baseline else Purpose.SEARCH,
            proposal=_proposal_record(
                knowledge, proposal.strategy, proposal.search_stage, dict(proposal.why)
            ),
        ),
    )


def _confirmation_record(knowledge: Knowledge) -> ProposalRecord:
    return _proposal_record(knowledge, "Confirmation", CONFIRMING, {})


def _proposal_record(
    knowledge: Knowledge, strategy: str, search_stage: str, why: dict[str, bool | int | float | str]
) -> ProposalRecord:
    return ProposalRecord(
        strategy=strategy,
        search_stage=search_stage,
        why=why,
        knew=tuple(trial.index for trial in knowledge.finished),
        in_flight=tuple(trial.index for trial in knowledge.in_flight),
        algorithm_version=__version__,
    )


def _trial(tuning: DeploymentTuning, spec: TrialSpecRecord) -> TuningTrial:
    name = trial_name(tuning.metadata.name, spec.index)
    metadata = TrialMetadata(name=name, namespace=tuning.metadata.namespace)
    return TuningTrial(metadata=metadata, spec=spec)

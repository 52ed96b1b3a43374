"""What to create and what to start, never beyond the free slots.

Unfinished trials come first, then confirmations of the candidate once the search is over, then new
proposals, one at a time: each knows those before it as in flight. An index that exists is never
used again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploytune import __version__
from deploytune.api.trial import (
    ProposalRecord,
    Purpose,
    TrialSpecRecord,
    TuningTrial,
    trial_name,
)
from deploytune.api.tuning import DeploymentTuning, Metadata
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.search.proposals import Proposal
from deploytune.search.proposing import next_proposal
from deploytune.state.confirm import Candidate
from deploytune.state.history import knowledge_of
from deploytune.state.settle import infrastructure_failures
from deploytune.state.world import Attempt

CONFIRMING = "Confirming"

_FIRST_BACK_OFF_SECONDS = 1.0
_LONGEST_BACK_OFF_SECONDS = 300.0


@dataclass(frozen=True)
class NextAttempt:
    """An attempt to start, and not before when."""

    trial: TuningTrial
    attempt: int
    not_before: datetime | None = None


def propose_trials(
    tuning: DeploymentTuning, problem: Problem, trials: tuple[TuningTrial, ...], slots: int
) -> tuple[TuningTrial, ...]:
    """Return up to `slots` new trials of the search."""
    created: list[TuningTrial] = []
    while len(created) < slots:
        all_trials = (*trials, *created)
        knowledge, index = knowledge_of(all_trials), next_index(all_trials)
        proposal = next_proposal(problem, knowledge, index)
        if proposal is None:
            break
        created.append(_search_trial(tuning, proposal, knowledge, index))
    return tuple(created)


def propose_confirmations(
    tuning: DeploymentTuning, candidate: Candidate, trials: tuple[TuningTrial, ...], slots: int
) -> tuple[TuningTrial, ...]:
    """Return up to `slots` new trials that measure the candidate again."""
    missing = candidate.missing(tuning.spec.budget.confirmations)
    first = next_index(trials)
    knew = knowledge_of(trials)
    return tuple(
        _trial(
            tuning,
            index,
            candidate.trial.spec.parameters,
            _confirmation_record(knew),
            Purpose.CONFIRM,
            candidate.trial.spec.index,
        )
        for index in range(first, first + max(0, min(missing, slots)))
    )


def next_attempts(
    waiting: Iterable[TuningTrial], attempts: tuple[Attempt, ...]
) -> tuple[NextAttempt, ...]:
    """Return the next attempt of every waiting trial, after its back-off."""
    return tuple(_next_attempt(trial, attempts) for trial in waiting)


def next_index(trials: tuple[TuningTrial, ...]) -> int:
    """Return the lowest index that was never used."""
    return max((trial.spec.index for trial in trials), default=-1) + 1


def _next_attempt(trial: TuningTrial, attempts: tuple[Attempt, ...]) -> NextAttempt:
    own = [attempt for attempt in attempts if attempt.trial_index == trial.spec.index]
    last = max(own, key=lambda attempt: attempt.attempt, default=None)
    if last is None or last.ended_at is None:
        return NextAttempt(trial, len(trial.status.attempts))
    return NextAttempt(trial, last.attempt + 1, last.ended_at + _back_off(trial))


def _back_off(trial: TuningTrial) -> timedelta:
    """Return the pause after the last attempt: none after our own interruption."""
    records = trial.status.attempts
    if not records or records[-1].outcome is not OutcomeKind.INFRASTRUCTURE:
        return timedelta()
    if records[-1].cause is Cause.INTERRUPTED:
        return timedelta()
    doubled = _FIRST_BACK_OFF_SECONDS * 2 ** (infrastructure_failures(records) - 1)
    return timedelta(seconds=min(_LONGEST_BACK_OFF_SECONDS, doubled))


def _search_trial(
    tuning: DeploymentTuning, proposal: Proposal, knowledge: Knowledge, index: int
) -> TuningTrial:
    record = _proposal_record(
        knowledge, proposal.strategy, proposal.search_stage, dict(proposal.why)
    )
    purpose = Purpose.BASELINE if proposal.is_baseline else Purpose.SEARCH
    return _trial(tuning, index, dict(proposal.parameters), record, purpose)


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


def _trial(
    tuning: DeploymentTuning,
    index: int,
    parameters: dict[str, bool | int | float | str],
    proposal: ProposalRecord,
    purpose: Purpose,
    confirms: int | None = None,
) -> TuningTrial:
    name = tuning.metadata.name
    return TuningTrial(
        metadata=Metadata(name=trial_name(name, index), namespace=tuning.metadata.namespace),
        spec=TrialSpecRecord(
            tuning=name,
            index=index,
            parameters=parameters,
            pool=tuning.spec.node_pools[0].name,
            purpose=purpose,
            confirms=confirms,
            proposal=proposal,
        ),
    )

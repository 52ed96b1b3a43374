"""One trial through the port: the attempts, verdicts and retries of any tuning, no search.

What ends a trial of `run` ends one here: the same request, the same runtime, the same verdict. An
interrupted attempt is followed by another. What is nobody's configuration's fault is no
measurement, and ends the recording, which can go on later.
"""

from __future__ import annotations

from deploytune.api.translate import problem_of
from deploytune.api.trial import (
    ProposalRecord,
    Purpose,
    TrialMetadata,
    TrialSpecRecord,
    TuningTrial,
    trial_name,
)
from deploytune.api.tuning import DeploymentTuning
from deploytune.bench.recording.lines import Line
from deploytune.bench.recording.rounds import Ask
from deploytune.contract.errors import MachineError
from deploytune.contract.outcomes import OutcomeKind
from deploytune.runtime.port import Runtime
from deploytune.state.observe import observe
from deploytune.state.requests import build_request
from deploytune.state.settle import settle

_HEARTBEAT_SECONDS = 10.0


async def play(runtime: Runtime, tuning: DeploymentTuning, ask: Ask, index: int) -> Line:
    """Play a configuration as trial `index` and return how it ended.

    Raises:
        MachineError: the machine cannot run it.
    """
    await runtime.create_trial(_trial(tuning, ask, index))
    while True:
        world = await runtime.gather()
        seen = observe(world)
        for trial in settle(problem_of(tuning.spec), tuning, world.trials, seen.ended):
            await runtime.write_trial_status(trial)
            _refuse_disturbed(trial)
            if trial.is_finished:
                return _line(ask, trial, world.now.timestamp())
        if not seen.ended:
            for trial in seen.waiting:
                attempt = len(trial.status.attempts)
                await runtime.start_attempt(build_request(tuning, trial, attempt))
            await runtime.wait_for_change(_HEARTBEAT_SECONDS)


def _refuse_disturbed(trial: TuningTrial) -> None:
    last = trial.status.attempts[-1]
    if last.outcome is OutcomeKind.MISCONFIGURED:
        raise MachineError(f"a trial cannot run: {last.message}")
    if trial.status.outcome is OutcomeKind.INFRASTRUCTURE:
        raise MachineError(f"trials are disturbed: {last.message}")


def _trial(tuning: DeploymentTuning, ask: Ask, index: int) -> TuningTrial:
    name = trial_name(tuning.metadata.name, index)
    spec = TrialSpecRecord(
        tuning=tuning.metadata.name,
        index=index,
        parameters=dict(ask.parameters),
        pool=tuning.spec.node_pools[0].name,
        purpose=Purpose.SEARCH,
        proposal=ProposalRecord(strategy="Recording", search_stage=ask.role.value),
    )
    return TuningTrial(
        metadata=TrialMetadata(name=name, namespace=tuning.metadata.namespace), spec=spec
    )


def _line(ask: Ask, trial: TuningTrial, ended: float) -> Line:
    status = trial.status
    assert status.outcome is not None, "it is finished"
    return Line(
        role=ask.role,
        parameters=dict(ask.parameters),
        outcome=status.outcome,
        metrics={key: measured.value for key, measured in status.metrics.items()},
        cause=status.cause,
        stage=status.reached_stage,
        seconds=round(status.attempts[-1].seconds - status.waited_seconds, 3),
        ended=round(ended, 1),
        facts=dict(status.facts),
    )

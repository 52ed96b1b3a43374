"""A trial's parameters, held against what the builders declare before any time is spent.

The contract says which parameters exist and what they may be, and each builder what it takes.
"""

from __future__ import annotations

from deploytune.contract.builders import Parameters, refusals, why_without_effect
from deploytune.contract.parameters import TRIAL_PARAMETERS
from deploytune.contract.workload import ModelSource
from deploytune_trial.failures import TrialFailure, bad_parameter


def check_parameters(parameters: Parameters, source: ModelSource) -> None:
    """Refuse parameters that nobody consumes, or that the builders cannot honour together.

    Raises:
        TrialFailure: Misconfigured, naming the first parameter at fault.
    """
    for rule in _RULES:
        failure = rule(parameters, source)
        if failure is not None:
            raise failure


def _unknown_parameter(parameters: Parameters, _: ModelSource) -> TrialFailure | None:
    for name in parameters:
        if name not in TRIAL_PARAMETERS:
            known = ", ".join(TRIAL_PARAMETERS)
            return bad_parameter(name, f"no stage of the trial consumes it; known are {known}")
    return None


def _value_out_of_range(parameters: Parameters, _: ModelSource) -> TrialFailure | None:
    for name, value in parameters.items():
        rule = TRIAL_PARAMETERS[name].why_refused(value)
        if rule is not None:
            return bad_parameter(name, rule, value)
    return None


def _refused_combination(parameters: Parameters, source: ModelSource) -> TrialFailure | None:
    for refusal in refusals(source):
        if refusal.holds(parameters, source):
            return bad_parameter(refusal.parameter, refusal.rule, parameters[refusal.parameter])
    return None


def _parameter_without_effect(parameters: Parameters, source: ModelSource) -> TrialFailure | None:
    for name, value in parameters.items():
        rule = why_without_effect(name, parameters, source)
        if rule is not None:
            return bad_parameter(name, rule, value)
    return None


_RULES = (
    _unknown_parameter,
    _value_out_of_range,
    _refused_combination,
    _parameter_without_effect,
)

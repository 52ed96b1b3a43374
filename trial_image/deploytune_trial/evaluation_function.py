"""The user's own measure of outputs: `python:package.module:function`.

    def function(outputs: dict[str, ndarray], labels: ndarray | None) -> ndarray | float

Given some samples it returns one score for each of them; or, where the measure is no mean of such
scores, one number for all samples that it is given. The first answer tells which.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from deploytune_trial.failures import bad_workload, first_line
from deploytune_trial.models.interface import Array

FUNCTION_FIELD = "workload.evaluation.function"

EvaluationFunction = Callable[[dict[str, Array], Array | None], Any]


def import_evaluation_function(source: str) -> EvaluationFunction:
    """Import the function.

    Raises:
        TrialFailure: Misconfigured; there is no such function.
    """
    _, module, name = source.split(":")
    try:
        function: EvaluationFunction = getattr(importlib.import_module(module), name)
    except Exception as error:
        rule = f"must name a function ({type(error).__name__}: {first_line(error)})"
        raise bad_workload(FUNCTION_FIELD, rule, source) from error
    if not callable(function):
        raise bad_workload(FUNCTION_FIELD, "must name a function", source)
    return function

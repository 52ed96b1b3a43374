"""Why a configuration was proposed, in words: the strategy's reasons by name, each a sentence.

A reason that has no sentence, or a value that its sentence cannot hold, is shown as `name: value`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from deploytune.contract.models import Scalar
from deploytune.report.wording import describe_percent

_Sentence = Callable[[Scalar], str | None]
"""Returns the sentence of a value, None if there is none."""

_RULES = {
    "quota": "A quota chose it: every family and every pool gets its minimum share of the trials",
    "model": "The models chose it: of all candidates it promised the most",
    "start": "Nothing was known yet, so it was drawn at random",
    "feasibility": "It was chosen to find what keeps the limits: it looked the likeliest to",
    "spread": "It was chosen to spread the trials: it is the least like those in flight",
}
_MOVES = {
    "Random": "It was drawn at random",
    "Neighbour": "It is a neighbour of a configuration that was tried",
}


def describe_reasons(why: Mapping[str, Scalar]) -> tuple[str, ...]:
    """Return the reasons in their order, one sentence each."""
    return tuple(_describe(name, value) for name, value in why.items())


def _describe(name: str, value: Scalar) -> str:
    sentence = _SENTENCES[name](value) if name in _SENTENCES else None
    return f"{name}: {value}" if sentence is None else f"{sentence}."


def _from(table: Mapping[str, str]) -> _Sentence:
    return lambda value: table.get(value) if isinstance(value, str) else None


def _text(words: str) -> _Sentence:
    return lambda value: words.format(value) if isinstance(value, str) else None


def _count(words: str) -> _Sentence:
    return lambda value: words.format(value) if type(value) is int else None


def _amount(words: str, described: Callable[[float], str], most: float = math.inf) -> _Sentence:
    def sentence(value: Scalar) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        in_range = is_number and 0 <= float(value) <= most
        return words.format(described(float(value))) if in_range else None

    return sentence


_SENTENCES: Mapping[str, _Sentence] = MappingProxyType(
    {
        "rule": _from(_RULES),
        "family": _text("The quota was that of {}"),
        "feasible": _amount(
            "The chance that it keeps every limit was put at {}", describe_percent, most=1
        ),
        "runs": _amount("The chance that it runs at all was put at {}", describe_percent, most=1),
        "gain": _amount(
            "The improvement expected of it was {} of the best objective so far", describe_percent
        ),
        "sampler": _text("Optuna's {} proposed it"),
        "feasibleTrials": _count("Feasible trials it knew: {}"),
        "move": _from(_MOVES),
        "temperature": _amount("The temperature was {}", "{:g}".format),
        "initial": _count("It is searchSpace.initial[{}] of the tuning"),
        "insteadOf": _text("{} had nothing that was untried, so it was drawn at random"),
    }
)

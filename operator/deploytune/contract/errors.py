"""The errors deploytune raises, by who must act.

DeploytuneError
├── InvalidTuningError   the user: mend the tuning, the model or the data
├── ClusterError         nobody: the API server says no for now; tried again
├── MachineError         the user: this machine or its installation lacks something
└── TrialContractError   a bug or a version skew between the two sides of the contract

A failed trial is data and never an exception outside the trial.
"""

from __future__ import annotations


class DeploytuneError(Exception):
    """Base of all errors that deploytune raises on purpose; the message is one clear line."""


class InvalidTuningError(DeploytuneError):
    """The tuning, its model or its data breaks a rule: names the field, the rule and the value."""

    def __init__(self, field: str, rule: str, value: object = ...) -> None:
        """Say which `field` breaks which `rule`; the offending `value` is shown when given."""
        self.field = field
        self.rule = rule
        self.value = value
        shown = "" if value is ... else f", got {_shorten(repr(value))}"
        super().__init__(f"{field}: {rule}{shown}")

    def under(self, place: str) -> InvalidTuningError:
        """Return the same error with its field below `place`, such as `spec`."""
        field = f"{place}.{self.field}" if place else self.field
        return InvalidTuningError(field, self.rule, self.value)


class MachineError(DeploytuneError):
    """This machine lacks what is needed: a program, a port, a writable folder."""


class ClusterError(DeploytuneError):
    """The API server cannot be reached, or refuses what it will take later; tried again."""


class TrialContractError(DeploytuneError):
    """A message breaks the trial contract: not JSON, too long, an unknown version."""


def _shorten(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

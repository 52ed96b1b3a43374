"""What tests of sources are given: ways to fetch."""

from __future__ import annotations

from collections.abc import Callable

from deploytune_trial.failures import TrialFailure
from deploytune_trial.sources.fetching import Fetched

Fetch = Callable[..., Fetched]
Refused = Callable[..., TrialFailure]

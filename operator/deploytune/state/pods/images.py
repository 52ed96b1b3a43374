"""Which image a trial Pod runs: the very one that the first charged trial ran, where it has a name.

A tag may come to stand for another image while a tuning runs, and its trials would no longer be
comparable. A digest is a name only together with the repository that it was pulled from: an image
that was put on its node by hand has none, and is called as the tuning calls it.
"""

from __future__ import annotations

from deploytune.api.tuning import DeploymentTuning

_DIGEST = "@sha256:"


def image_of(tuning: DeploymentTuning, default_image: str) -> str:
    """Return the image of a tuning's next Pod."""
    named = tuning.spec.trial.image or default_image
    pulled = _pulled(tuning)
    if pulled is None:
        return named
    return pulled if _is_of(_repository(pulled), _repository(named)) else named


def image_on_record(tuning: DeploymentTuning) -> str | None:
    """Return the image of a tuning's trials as its record names it, None if it names none."""
    named = tuning.spec.trial.image
    return _pulled(tuning) if named is None else image_of(tuning, named)


def _pulled(tuning: DeploymentTuning) -> str | None:
    """Return what the first charged trial ran, if it can be pulled by that name."""
    first = None if tuning.status is None else tuning.status.trial_image_id
    if first is None or _DIGEST not in first:
        return None
    return first.partition("://")[2] or first


def _is_of(pulled: str, named: str) -> bool:
    """Tell whether a full repository is the named one; a short name leaves out its beginning."""
    return pulled == named or pulled.endswith(f"/{named}")


def _repository(reference: str) -> str:
    """Return a reference without tag and digest."""
    folder, slash, last = reference.partition("@")[0].rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"

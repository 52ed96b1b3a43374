from __future__ import annotations

import pytest

from deploytune.runtime.kube.lease import LeaseTimes


@pytest.mark.parametrize("times", [(15, 15.0, 2.0), (15, 10.0, 10.0), (15, 10.0, 0.0)], ids=str)
def test_times_with_which_two_could_hold_the_lease_are_refused(
    times: tuple[int, float, float],
) -> None:
    with pytest.raises(ValueError, match="retry_seconds must be less than renew_seconds"):
        LeaseTimes(*times)


def test_the_usual_times_are_accepted() -> None:
    assert (15, 10.0, 2.0) == (
        LeaseTimes().duration_seconds,
        LeaseTimes().renew_seconds,
        LeaseTimes().retry_seconds,
    )

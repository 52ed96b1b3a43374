"""The image of the next Pod is the one that the first charged trial ran."""

from __future__ import annotations

import pytest
from builders import a_tuning

from deploytune.api.tuning import TuningStatus
from deploytune.state.pods.images import image_of

DIGEST = "@sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("named", "ran", "expected"),
    [
        pytest.param("trial:1", None, "trial:1", id="before the first trial"),
        pytest.param(
            "images.example:5000/ml/trial:1",
            f"images.example:5000/ml/trial{DIGEST}",
            f"images.example:5000/ml/trial{DIGEST}",
            id="a tag is pinned",
        ),
        pytest.param(
            "trial",
            f"images.example/library/trial{DIGEST}",
            f"images.example/library/trial{DIGEST}",
            id="a short name leaves out its beginning",
        ),
        pytest.param(
            "ml/trial:2",
            f"docker-pullable://images.example/ml/trial{DIGEST}",
            f"images.example/ml/trial{DIGEST}",
            id="an old runtime's scheme is taken off",
        ),
        pytest.param("localhost/trial:1", DIGEST[1:], "localhost/trial:1", id="no repository"),
        pytest.param(
            "images.example/ml/other:1",
            f"images.example/ml/trial{DIGEST}",
            "images.example/ml/other:1",
            id="another repository is the user's own change",
        ),
    ],
)
def test_the_image_of_the_next_pod(named: str, ran: str | None, expected: str) -> None:
    tuning = a_tuning(trial={"image": named})
    status = TuningStatus(trial_image_id=ran)
    assert expected == image_of(tuning.model_copy(update={"status": status}), "default")


def test_a_tuning_without_an_image_runs_the_operators() -> None:
    assert "default:1" == image_of(a_tuning(), "default:1")

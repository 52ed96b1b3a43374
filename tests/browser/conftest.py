"""Tests in a real browser; skipped, with the reason, where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import Browser, a_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with a_browser(tmp_path_factory.mktemp("profile")) as started:
        yield started

"""What holds for every test: the same examples always, on any machine, and Ctrl-C works."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background so, and what tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("deploytune", deadline=None, derandomize=True)
settings.load_profile("deploytune")


@pytest.hookimpl
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        from side_by_side import rank

        items.sort(key=lambda item: rank(item.nodeid))  # the order within a folder stays


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from side_by_side import ByFileOrCluster

    return ByFileOrCluster(config, log) if config.option.dist == "loadfile" else None

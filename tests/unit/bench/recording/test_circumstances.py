from __future__ import annotations

import platform
from dataclasses import asdict

from deploytune.bench.recording.circumstances import circumstances_here


def test_the_machine_is_told_by_what_it_is_and_not_by_its_names() -> None:
    told = asdict(circumstances_here())
    assert ["cpu", "cores", "memory_gib", "system", "versions"] == list(told)
    assert f"{platform.system()} {platform.machine()}" == told["system"]
    assert told["cores"] >= 1
    assert told["memory_gib"] > 0
    assert {"deploytune", "python", "numpy"} <= told["versions"].keys()

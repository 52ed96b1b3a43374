"""All cases by name."""

from __future__ import annotations

from collections.abc import Mapping

from pod_cases.disruptions import DISRUPTIONS
from pod_cases.ends import ENDS
from pod_cases.scene import PodCase
from pod_cases.waits import WAITS

CASES: Mapping[str, PodCase] = {**ENDS, **WAITS, **DISRUPTIONS}

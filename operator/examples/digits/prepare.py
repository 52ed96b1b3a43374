"""Write tuning.yaml and table.yaml: load and limit follow the largest family's latency here.

The largest family is measured first, through the same trial and the same Triton, requests one by
one on one thread. The rate would keep that thread busy for a stated share of the time, and the
limit is a stated multiple of the latency: so the example asks the same question on a fast machine
and on a slow one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE / "tuning.template.yaml"
TABLE_TEMPLATE = HERE / "table.template.yaml"
LARGEST = "wide-cnn-tta"
BUSY_SHARE = 0.5
LIMIT_OVER_LATENCY = 1.5
METRIC = "latency_mean_ms"


def main() -> None:
    """Measure, fill in the templates, write what they are of beside them."""
    template = TEMPLATE.read_text(encoding="utf-8")
    latency_ms = measure_largest(yaml.safe_load(filled_in(template, 1.0, 1.0)))
    rate = BUSY_SHARE * 1000 / latency_ms
    limit_ms = LIMIT_OVER_LATENCY * latency_ms
    print(f"{LARGEST} takes {latency_ms:.2f} ms here: {rate:.1f} requests/s, p95 <= {limit_ms:.2f}")
    for asked in (TEMPLATE, TABLE_TEMPLATE):
        tuning = asked.with_name(asked.name.replace(".template", ""))
        text = asked.read_text(encoding="utf-8")
        tuning.write_text(filled_in(text, rate, limit_ms), encoding="utf-8")
        print(f"wrote {tuning.name}")


def filled_in(template: str, rate: float, limit_ms: float) -> str:
    """Return the template with this machine's load and limit."""
    return template.replace("RATE_PER_SECOND", f"{rate:.2f}").replace(
        "LATENCY_LIMIT_MS", f"{limit_ms:.3f}"
    )


def measure_largest(tuning: dict[str, Any]) -> float:
    """Return the latency of the largest family as it is, in ms: a tuning of one configuration."""
    spec = tuning["spec"]
    spec["objectives"] = [{"metric": METRIC, "load": "alone", "direction": "Minimize"}]
    spec["constraints"] = []
    spec["searchSpace"] = {"parameters": [one_value("intraOpThreads", 1)]}
    spec["budget"] = {"maxTrials": 1, "confirmations": 0}
    workload = spec["workload"]
    workload["models"] = [model for model in workload["models"] if model["name"] == LARGEST]
    workload["loads"] = [{"name": "alone", "type": "ClosedLoop", "concurrency": 1}]
    for source in workload["models"]:
        source["source"] = str(HERE / source["source"])
    for data in ("evaluationData", "calibrationData"):
        workload[data] = str(HERE / workload[data])
    with tempfile.TemporaryDirectory() as folder:
        return run_one(tuning, Path(folder))


def one_value(name: str, value: int) -> dict[str, Any]:
    """Return a parameter that can only be one thing."""
    return {"name": name, "type": "Categorical", "values": [value], "default": value}


def run_one(tuning: dict[str, Any], folder: Path) -> float:
    """Run a tuning of one configuration in `folder` and return the metric."""
    path, answer = folder / "largest.yaml", folder / "answer"
    path.write_text(yaml.safe_dump(tuning), encoding="utf-8")
    command = [sys.executable, "-m", "deploytune.cli", "run", str(path), "--output", str(answer)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"{LARGEST} cannot be measured here: {ended.stderr or ended.stdout}")
    answered = yaml.safe_load((answer / "status.yaml").read_text(encoding="utf-8"))
    return float(answered["status"]["best"]["metrics"][f"{METRIC}@alone"])


if __name__ == "__main__":
    main()

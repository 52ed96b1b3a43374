"""`python -m deploytune.bench.cluster`: the operator on the nodes of a cluster that run nothing.

    python -m deploytune.bench.cluster --kubeconfig FILE latency --tunings 1 --trials 50
    python -m deploytune.bench.cluster --kubeconfig FILE rate --tunings 200 --seconds 60

Nodes must be labelled for `--pool-label`, and end trial Pods with a report, as KWOK's do with the
Stages of this project's tests (`python -m clusters.up --pretend`). The cluster's CRDs must be
installed, and no other operator may run there. Writes one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from deploytune.bench.cluster.audit import writes_by_kind
from deploytune.bench.cluster.bare_loop import run_bare_loop
from deploytune.bench.cluster.measurements import Figures, figures_of
from deploytune.bench.cluster.operator_process import OperatorProcess
from deploytune.bench.cluster.pod_watch import PodWatch
from deploytune.bench.cluster.tunings import Load, await_finished, create_tunings, remove_tunings
from deploytune.runtime.kube.connection import connect

_SETTLING_SECONDS = 3.0


def main() -> int:
    """Run the benchmark that the arguments name."""
    options = _arguments()
    figures = asyncio.run(_latency(options) if options.what == "latency" else _rate(options))
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


async def _latency(options: argparse.Namespace) -> dict[str, object]:
    """Measure from a Pod's terminal phase to the next Pod, and what the operator uses."""
    load = _load(options)
    async with connect(options.kubeconfig) as api, PodWatch(options.kubeconfig) as watch:
        with OperatorProcess(options.kubeconfig) as operator:
            await asyncio.sleep(_SETTLING_SECONDS)
            idle_bytes = operator.resident_bytes()
            mark = _size(options.audit_log)
            cpu_seconds = operator.cpu_seconds()
            await create_tunings(api, load)
            await await_finished(api, load, options.seconds)
            figures: Figures = figures_of(watch.sightings)
            used = operator.cpu_seconds() - cpu_seconds
            answer = {
                "tunings": load.tunings,
                "trialsEach": load.trials,
                "strategy": load.strategy,
                **asdict(figures),
                "idle_mib": idle_bytes / 2**20,
                "peak_mib": operator.peak_resident_bytes() / 2**20,
                "cpu_ms_per_trial": 1000 * used / max(1, figures.pods_ended),
                "writes_per_trial": _writes(options.audit_log, mark, figures.pods_ended),
            }
        await remove_tunings(api, load)
    return answer


async def _rate(options: argparse.Namespace) -> dict[str, object]:
    """Measure trials a second under full load, against a bare loop with as many Pods in flight."""
    load = _load(options)
    async with connect(options.kubeconfig) as api, PodWatch(options.kubeconfig) as watch:
        bare = await run_bare_loop(api, watch, load, options.seconds)
        watch.forget()
        with OperatorProcess(options.kubeconfig) as operator:
            await asyncio.sleep(_SETTLING_SECONDS)
            await create_tunings(api, load)
            await asyncio.sleep(_SETTLING_SECONDS)
            watch.forget()
            cpu_seconds = operator.cpu_seconds()
            await asyncio.sleep(options.seconds)
            figures = figures_of(watch.sightings)
            used = operator.cpu_seconds() - cpu_seconds
            await remove_tunings(api, load)  # the operator lets go of the Pods it holds
    rate = figures.pods_ended / options.seconds
    return {
        "tunings": load.tunings,
        "strategy": load.strategy,
        "bare_per_second": bare,
        "operator_per_second": rate,
        "ratio": rate / bare,
        "cpu_ms_per_trial": 1000 * used / max(1, figures.pods_ended),
    }


def _writes(log: Path | None, mark: int, trials: int) -> dict[str, float] | None:
    if log is None:
        return None
    writes = writes_by_kind(log, mark)
    each = {kind: round(count / max(1, trials), 2) for kind, count in sorted(writes.items())}
    return {"all": round(sum(writes.values()) / max(1, trials), 2), **each}


def _size(log: Path | None) -> int:
    return 0 if log is None else log.stat().st_size


def _load(options: argparse.Namespace) -> Load:
    return Load(
        tunings=options.tunings,
        trials=options.trials,
        strategy=options.strategy,
        pool_label=options.pool_label,
        annotation=options.annotation,
        pause_seconds=options.pause,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploytune.bench.cluster", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--audit-log", type=Path, help="of the API server: counts the writes")
    parser.add_argument("--pool-label", default="example.com/gpu-pool=pool-1")
    parser.add_argument("--annotation", metavar="KEY=VALUE", help="of trial Pods")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two tunings")
    parser.add_argument("what", choices=("latency", "rate"))
    parser.add_argument("--tunings", type=int, default=1)
    parser.add_argument("--trials", type=int, default=50, help="of each tuning")
    parser.add_argument("--strategy", default="Random", help="Random or TPE")
    parser.add_argument("--seconds", type=float, default=300.0, help="at most, or of the rate")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

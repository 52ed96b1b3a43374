"""`python -m deploytune_trial.bench verdicts|coverage|generators`: one JSON object a row."""

from __future__ import annotations

import argparse
import json
import sys

from deploytune_trial.bench.coverage import coverage_rows
from deploytune_trial.bench.generators import generator_rows
from deploytune_trial.bench.simulated_servers import SERVERS
from deploytune_trial.bench.verdicts import verdict_row

_LIMITED = ("latency_p95_ms", "latency_p99_ms", "latency_p50_ms")
_GENERATOR_SECONDS = 2.0
_REQUESTS = (120, 600, 3000)


def main() -> None:
    """Play what is asked for and print its rows."""
    parser = argparse.ArgumentParser(prog="python -m deploytune_trial.bench")
    parser.add_argument("what", choices=("verdicts", "coverage", "generators"))
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--server", choices=[server.name for server in SERVERS])
    options = parser.parse_args()
    servers = [server for server in SERVERS if options.server in {None, server.name}]
    if options.what == "verdicts":
        for metric in _LIMITED:
            for server in servers:
                _print(verdict_row(server, metric, options.repeats, options.seed))
    elif options.what == "generators":
        for rates in generator_rows(_GENERATOR_SECONDS, options.repeats):
            _print(rates)
    else:
        for requests in _REQUESTS:
            for server in servers:
                for row in coverage_rows(server, requests, options.repeats, options.seed):
                    _print(row)


def _print(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

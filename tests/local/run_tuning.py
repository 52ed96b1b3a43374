"""Run a tuning of the deterministic trial, as the command line would: `run_tuning.py STATE JSON`.

JSON holds the arguments of the tuning. Says `open` once the state directory is its own, and exits
with 0 at the end and 130 after SIGINT.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from local_builders import local_options, local_tuning

from deploytune.runtime.local.adapter import LocalRuntime
from deploytune.runtime.passes import run_until_finished


async def main(state: Path, settings: dict[str, object]) -> None:
    options = local_options(state.parent)
    async with LocalRuntime(state, local_tuning(**settings), options) as runtime:
        print("open", flush=True)  # noqa: T201 - the test waits for it
        await run_until_finished(runtime)


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
    except KeyboardInterrupt:
        sys.exit(130)

"""Free loopback ports, below the range from which the kernel takes ports for clients.

A component that is stopped and started again finds its port still free that way.
"""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 32_000
TRIES = 200


def free_port(address: str = LOOPBACK) -> int:
    """Return a port that nobody listens on."""
    chooser = random.SystemRandom()
    for _ in range(TRIES):
        port = chooser.randint(LOWEST, HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port on {address} between {LOWEST} and {HIGHEST}")

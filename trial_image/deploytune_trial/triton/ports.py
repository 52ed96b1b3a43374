"""Free ports on the loopback address, from a given range or from the kernel's own."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import ExitStack, suppress

from deploytune.contract.errors import MachineError

LOOPBACK = "127.0.0.1"

PORTS_NEEDED = 2
"""The ports that one Triton listens on: HTTP and gRPC."""

_KERNELS_CHOICE = 0


def find_free_ports(count: int, allowed: range | None) -> list[int]:
    """Return `count` ports that nobody listens on at this moment.

    Raises:
        MachineError: the range has too few.
    """
    free: list[int] = []
    with ExitStack() as held:  # each is held until all are found, so that they differ
        for port in _candidates(count, allowed):
            probe = held.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind((LOOPBACK, port))
                free.append(probe.getsockname()[1])
            if len(free) == count:
                return free
    assert allowed is not None
    raise MachineError(
        f"ports {allowed.start}-{allowed.stop - 1}: {count} free ones are needed, {len(free)} found"
    )


def _candidates(count: int, allowed: range | None) -> Iterable[int]:
    return [_KERNELS_CHOICE] * count if allowed is None else allowed

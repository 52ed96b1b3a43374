"""What a trial and its generator processes tell each other, over a pair of sockets.

Both ends are this program, so messages are pickled; each has its length before it.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from array import array
from dataclasses import dataclass, field
from typing import Any

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.measure.generators import OUTSTANDING_CAP, After
from deploytune_trial.measure.windows import Sample

_LENGTH = struct.Struct("!I")
_COLUMNS = 3


@dataclass(frozen=True)
class Equipment:
    """What a generator process sends where: the arguments of its client."""

    address: str
    model: str
    batches: list[Any]
    timeout_seconds: float


@dataclass(frozen=True)
class Load:
    """A share of a load: so many requests outstanding, or so many a second and at most a cap."""

    concurrency: int | None = None
    rate_per_second: float | None = None
    seed: int = 0
    cap: int = OUTSTANDING_CAP


@dataclass(frozen=True)
class Ending:
    """How a load is to end."""

    after: After


@dataclass
class Columns:
    """Samples in columns: an object for each would cost more than the request."""

    times: array[float] = field(default_factory=lambda: array("d"))
    answered: array[int] = field(default_factory=lambda: array("b"))

    def add(self, sample: Sample) -> None:
        """Take a sample."""
        self.times.extend((sample.intended, sample.sent, sample.ended))
        self.answered.append(sample.answered)

    def samples(self) -> list[Sample]:
        """Return them one by one."""
        rows = zip(*(self.times[start::_COLUMNS] for start in range(_COLUMNS)), strict=True)
        return [
            Sample(intended, sent, ended, bool(answered))
            for (intended, sent, ended), answered in zip(rows, self.answered, strict=True)
        ]


@dataclass(frozen=True)
class News:
    """What has happened in a generator process until a moment of the machine's clock.

    `due` and `ended` are what is new; `outstanding` is what is open at that moment.
    """

    until: float
    due: array[float]
    ended: Columns
    outstanding: Columns
    is_overloaded: bool


@dataclass(frozen=True)
class Close:
    """The last message of a load: its requests that were outstanding at the end, and its sums."""

    late: Columns
    sent: int
    answered: int
    cpu_share: float


@dataclass(frozen=True)
class Failure:
    """Why a generator process cannot go on."""

    outcome: OutcomeKind
    cause: Cause
    message: str


async def receive(reader: asyncio.StreamReader) -> Any:
    """Return the next message.

    Raises:
        EOFError: the other end is gone.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))  # noqa: S301 - our own process wrote it
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError("the other end is gone") from error


def send(writer: asyncio.StreamWriter, message: object) -> None:
    """Send a message; what the other end is slow to take waits here."""
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    writer.write(_LENGTH.pack(len(content)) + content)

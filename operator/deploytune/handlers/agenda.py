"""Which keys are to be worked on, and when: the queue's bookkeeping, without a clock or a task.

A key is in at most one place: ready, delayed, or being worked on. Adding one that is there does
nothing but bring its moment forward; adding one that is being worked on has it worked on once more
afterwards, however often it was added. After a failure a key rests, longer each time in a row, and
nothing shortens the rest.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

FIRST_REST_SECONDS = 0.5
LONGEST_REST_SECONDS = 30.0
_MOST_DOUBLINGS = 16


class Agenda(Generic[Key]):
    """The keys to be worked on; every method is given the present moment in seconds.

    For how many seconds each key that is taken up was ready goes to `waited`.
    """

    def __init__(self, waited: Callable[[float], object] = float) -> None:
        self._waited = waited
        self._ready: deque[tuple[Key, float]] = deque()
        self._waiting: set[Key] = set()
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._pushed = 0
        self._at_work: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._rests_until: dict[Key, float] = {}

    def add(self, key: Key, now: float, after_seconds: float = 0.0) -> None:
        """Have a key worked on after so many seconds at the latest, or when its rest is over."""
        due = max(now + after_seconds, self._rests_until.get(key, now))
        if key in self._waiting or self._due.get(key, due + 1.0) <= due:
            return
        self._due[key] = due
        if key not in self._at_work:
            self._schedule(key, now)

    def take(self, now: float) -> Key | None:
        """Return the next key to work on, None if there is none now; `done` or `failed` follows."""
        self._wake(now)
        if not self._ready:
            return None
        key, since = self._ready.popleft()
        self._waiting.discard(key)
        self._at_work.add(key)
        self._waited(now - since)
        return key

    @property
    def ready(self) -> int:
        """How many keys wait for a worker."""
        return len(self._ready)

    def done(self, key: Key, now: float, again_after_seconds: float | None = None) -> None:
        """Say that the work on a key is done, and when it is to be done again if nothing comes."""
        self._failures.pop(key, None)
        self._rests_until.pop(key, None)
        self._leave(key, now)
        if again_after_seconds is not None:
            self.add(key, now, again_after_seconds)

    def failed(self, key: Key, now: float) -> float:
        """Say that the work on a key has failed; return for how many seconds it rests now."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        rest = min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0 ** min(failures, _MOST_DOUBLINGS))
        self._rests_until[key] = now + rest
        self._due[key] = now + rest
        self._leave(key, now)
        return rest

    def next_due(self) -> float | None:
        """Return the moment of the first delayed key, None if none is delayed."""
        while self._heap and self._is_outdated(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _leave(self, key: Key, now: float) -> None:
        self._at_work.discard(key)
        if key in self._due:
            self._schedule(key, now)

    def _schedule(self, key: Key, now: float) -> None:
        due = self._due[key]
        if due > now:
            self._pushed += 1
            heapq.heappush(self._heap, (due, self._pushed, key))
            return
        del self._due[key]
        self._waiting.add(key)
        self._ready.append((key, now))

    def _wake(self, now: float) -> None:
        due = self.next_due()
        while due is not None and due <= now:
            _, _, key = heapq.heappop(self._heap)
            self._schedule(key, now)
            due = self.next_due()

    def _is_outdated(self, entry: tuple[float, int, Key]) -> bool:
        """Tell whether the key was brought forward, or taken up, since the entry was made."""
        due, _, key = entry
        return self._due.get(key) != due or key in self._at_work

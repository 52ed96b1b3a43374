"""Chance by name: the same words give the same numbers in any process."""

from __future__ import annotations

from hashlib import blake2b
from random import Random


def chance(*words: object) -> Random:
    """Return a generator for one use of chance."""
    return Random(_number(words))  # noqa: S311 - a benchmark, not a secret


def share(*words: object) -> float:
    """Return one number in [0, 1)."""
    return _number(words) / 2**64


def _number(words: tuple[object, ...]) -> int:
    text = "/".join(map(str, words)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")

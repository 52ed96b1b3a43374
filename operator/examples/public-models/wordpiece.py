"""Words of a sentence as the numbers that MiniLM was trained on: WordPiece, lower case, padded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

LONGEST = 32
_PAD, _UNKNOWN, _START, _END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"


def read_vocabulary(path: Path) -> dict[str, int]:
    """Return the number of each piece: its line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {piece: number for number, piece in enumerate(lines)}


def encode(sentence: str, vocabulary: Mapping[str, int]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the three inputs of the model for one sentence."""
    words = re.findall(r"\w+|[^\w\s]", sentence.lower())
    pieces = [piece for word in words for piece in _pieces(word, vocabulary)][: LONGEST - 2]
    numbers = [vocabulary[piece] for piece in (_START, *pieces, _END)]
    padding = LONGEST - len(numbers)
    return {
        "input_ids": np.array(numbers + [vocabulary[_PAD]] * padding, np.int64),
        "attention_mask": np.array([1] * len(numbers) + [0] * padding, np.int64),
        "token_type_ids": np.zeros(LONGEST, np.int64),
    }


def _pieces(word: str, vocabulary: Mapping[str, int]) -> Iterator[str]:
    """Yield the longest known beginnings of what is left of a word."""
    found: list[str] = []
    rest = word
    while rest:
        mark = "##" if found else ""
        ends = range(len(rest), 0, -1)
        piece = next((mark + rest[:end] for end in ends if mark + rest[:end] in vocabulary), None)
        if piece is None:
            yield _UNKNOWN
            return
        found.append(piece)
        rest = rest[len(piece) - len(mark) :]
    yield from found

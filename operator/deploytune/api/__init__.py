"""The two custom resources as users write them, and their translation to a search problem."""

from __future__ import annotations

from deploytune.api.translate import load_problem

__all__ = ["load_problem"]

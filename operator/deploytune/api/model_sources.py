"""Which sources of a model can be tuned: ONNX files, here or at a URL, and Python functions.

Whether a URL's scheme can be read depends on what the trial has installed: the trial says so.
"""

from __future__ import annotations

import re

from deploytune.contract.sources import holds_a_password, is_url

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_FUNCTION = re.compile(r"python:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")

_LLM = "LLM backends are not supported: their requests stream tokens, which are no tensor"
_NAMES_A_USER = "must not hold a user or a password: give them by workload.credentials"

UNSUPPORTED_KINDS = {
    "ensemble": "ensembles are not supported: tune their models one by one",
    "sequence": "sequence models are not supported: their requests depend on each other",
    "decoupled": "decoupled models are not supported: a request must have one response",
    "vllm": _LLM,
    "tensorrtllm": _LLM,
    "trtllm": _LLM,
    "tgi": _LLM,
    "llamacpp": _LLM,
    "ollama": _LLM,
}
"""Kinds of models that Triton knows and a trial cannot measure, and why."""


def why_source_refused(source: str) -> str | None:
    """Return the rule that a model's source breaks, or None; whether the file is there is open."""
    scheme = _SCHEME.match(source)
    if scheme is None:
        return None
    name = scheme[1].lower()
    if name == "python":
        well_formed = _FUNCTION.fullmatch(source) is not None
        return None if well_formed else "must be python:package.module:function"
    if is_url(source):
        return why_location_refused(source)
    return UNSUPPORTED_KINDS.get(
        name, "must be a path to an ONNX file, a URL of one, or python:package.module:function"
    )


def why_location_refused(location: str) -> str | None:
    """Return the rule that a path or URL of data breaks, or None; nobody is asked for it."""
    return _NAMES_A_USER if holds_a_password(location) else None

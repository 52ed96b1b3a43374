"""Which sources of a model can be tuned: ONNX files and Python functions. Others are named."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_FUNCTION = re.compile(r"python:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")

_LLM = "LLM backends are not supported: their requests stream tokens, which are no tensor"
_REMOTE = "remote sources are not supported: fetch the file and give its path"

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

_REMOTE_SCHEMES = ("s3", "gs", "http", "https", "hf", "az", "abfs", "oci", "file")


def why_source_refused(source: str) -> str | None:
    """Return the rule that a model's source breaks, or None; whether the file is there is open."""
    scheme = _SCHEME.match(source)
    if scheme is None:
        return None
    name = scheme[1].lower()
    if name == "python":
        well_formed = _FUNCTION.fullmatch(source) is not None
        return None if well_formed else "must be python:package.module:function"
    if name in _REMOTE_SCHEMES:
        return _REMOTE
    return UNSUPPORTED_KINDS.get(
        name, "must be a path to an ONNX file, or python:package.module:function"
    )

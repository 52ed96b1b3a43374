"""What a source is: a path in the Pod, a Python function, or a URL that the trial downloads.

URLs may be chained as fsspec chains them: `zip://model.onnx::https://example.com/models.zip`.
"""

from __future__ import annotations

import re

_URL = re.compile(r"[a-z][a-z0-9+.-]*(://|::)")
_USER = re.compile(r"(?<=://)[^/@:\s]*:?[^/@\s]*@")
_QUERY = re.compile(r"\?(?:(?!::|:\s|:$)[^\s\"')])*")
"""It may hold colons; two end a link of a chain, and one before a blank belongs to the text."""

PYTHON = "python:"


def is_url(source: str) -> bool:
    """Whether a source has to be downloaded."""
    return _URL.match(source) is not None


def holds_a_password(source: str) -> bool:
    """Whether a URL names a user, as in `https://user:password@host/`."""
    return is_url(source) and _USER.search(source) is not None


def without_secrets(text: str) -> str:
    """Return a text without the users and the queries of its URLs: a query may be a signature."""
    return _QUERY.sub("?…", _USER.sub("", text))

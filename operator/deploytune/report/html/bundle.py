"""What the page carries packed: plotly's own code and the data, inflated by the browser.

plotly's code is 4.8 MB of text, and 1.9 MB of base64 when it is compressed.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import cache
from importlib.util import find_spec

from deploytune.contract.errors import MachineError

_LEVEL = 6  # of 9: two per cent larger than the highest, in a quarter of its time


def packed(text: str) -> str:
    """Return a text compressed by gzip, as base64; equal texts give equal results."""
    return base64.b64encode(gzip.compress(text.encode(), _LEVEL, mtime=0)).decode()


def hash_source(script: str) -> str:
    """Return how a content security policy names a script that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@cache
def plotly_code() -> str:
    """Return the code of plotly for a browser.

    Raises:
        MachineError: plotly is not installed.
    """
    if find_spec("plotly") is None:
        raise MachineError("a report needs the package plotly (extra [report])")
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())

"""The arrays that the models work on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Positions = NDArray[np.intp]

INACTIVE = -1.0
"""What stands in a column whose parameter is not active; positions and shares begin at 0."""

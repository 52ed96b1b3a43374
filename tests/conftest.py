"""Property tests run the same examples always, with no deadline: the machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("deploytune", deadline=None, derandomize=True)
settings.load_profile("deploytune")

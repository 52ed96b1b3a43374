"""Lets `python -m deploytune.cli` run the command line."""

from __future__ import annotations

import sys

from deploytune.cli import main

if __name__ == "__main__":
    sys.exit(main())

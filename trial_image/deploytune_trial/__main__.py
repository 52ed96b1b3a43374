"""`python -m deploytune_trial`: run the trial that the environment describes."""

from __future__ import annotations

import sys

from deploytune_trial.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

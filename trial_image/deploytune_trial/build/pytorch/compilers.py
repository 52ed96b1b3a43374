"""The C++ compiler that torch needs to compile a module, looked for before any time is spent.

On the CPU every compiled module is C++; ahead of time its package is linked on a GPU too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from deploytune_trial.failures import missing_dependency

_COMPILERS = ("g++", "gcc", "clang++")


def check_compiler(device: str, how: str, variables: Mapping[str, str] = os.environ) -> None:
    """Refuse to compile without a compiler.

    Raises:
        TrialFailure: Misconfigured: it is the image that lacks something, not the variant.
    """
    if device == "cuda" and how == "Compiled":
        return
    named = variables.get("CXX")
    wanted = (named,) if named else _COMPILERS
    if not any(shutil.which(name, path=variables.get("PATH")) for name in wanted):
        raise missing_dependency(
            f"a C++ compiler ({' or '.join(wanted)})",
            f"compile {how} needs one: install g++ in the image or leave {how} out",
        )

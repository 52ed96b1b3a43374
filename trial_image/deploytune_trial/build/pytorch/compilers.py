"""The compilers that torch needs to compile a module, looked for before any time is spent.

On the CPU every compiled module is C++; ahead of time its package is linked on a GPU too. What
starts a compiled module's kernels on a GPU is C.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from deploytune_trial.failures import missing_dependency

_CXX = ("CXX", ("g++", "gcc", "clang++"), "C++")
_CC = ("CC", ("gcc", "clang"), "C")


def check_compiler(device: str, how: str, variables: Mapping[str, str] = os.environ) -> None:
    """Refuse to compile without the compilers that it takes.

    Raises:
        TrialFailure: Misconfigured: it is the image that lacks something, not the variant.
    """
    on_device = device == "cuda"
    links = not on_device or how != "Compiled"
    for variable, usual, language in (*[_CXX] * links, *[_CC] * on_device):
        named = variables.get(variable)
        wanted = (named,) if named else usual
        if not any(shutil.which(name, path=variables.get("PATH")) for name in wanted):
            raise missing_dependency(
                f"a {language} compiler ({' or '.join(wanted)})",
                f"compile {how} needs one: install {usual[0]} in the image or leave {how} out",
            )

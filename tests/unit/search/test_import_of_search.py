from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OPERATOR = Path(__file__).parents[3] / "operator"
HEAVY = ("cmaes", "kopf", "kubernetes", "numpy", "optuna", "scipy", "threadpoolctl", "torch")

PROGRAM = f"""
import sys
sys.path.insert(0, {str(OPERATOR)!r})
import deploytune.search
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_importing_the_search_brings_in_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_one_module_of_the_search_names_optuna() -> None:
    search = OPERATOR / "deploytune" / "search"
    importing = [path.name for path in search.rglob("*.py") if "import optuna" in path.read_text()]
    assert importing == ["optuna_bridge.py"]

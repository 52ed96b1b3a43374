"""Packages that bring strategies, installed in a folder: a module, and the metadata pip leaves."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from deploytune.search.strategies.plug_ins import plug_in

PAGE = Path(__file__).parents[1] / "operator" / "docs" / "strategies.md"


class Packages:
    """A folder of packages that this process sees as installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: list[str] = []

    def add(self, name: str, source: str, *, package: str = "", build: str = "build") -> None:
        """Install a package of one module that brings a strategy."""
        module = package.replace("-", "_") or f"{name.lower()}_strategy"
        (self.folder / f"{module}.py").write_text(dedent(source))
        self.add_metadata(package or module, f"{name} = {module}:{build}")
        self._modules.append(module)

    def add_metadata(self, package: str, *entry_points: str) -> None:
        """Leave what pip leaves of a package."""
        metadata = self._metadata(package)
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        lines = ("[deploytune.strategies]", *entry_points)
        (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
        importlib.invalidate_caches()

    def add_the_documented_one(self) -> None:
        """Install the strategy `Mutation`, as the page on strategies writes and registers it."""
        entry_points = _block("toml").splitlines()
        assert entry_points[0] == '[project.entry-points."deploytune.strategies"]'
        (point,) = (line.replace('"', "") for line in entry_points[1:])
        (self.folder / "mutation_strategy.py").write_text(_block("python"))
        self.add_metadata("mutation-strategy", point)
        self._modules.append("mutation_strategy")

    def remove(self, package: str) -> None:
        """Uninstall a package."""
        shutil.rmtree(self._metadata(package))
        importlib.invalidate_caches()

    def is_imported(self) -> bool:
        """Tell whether any of the packages was imported."""
        return any(module in sys.modules for module in self._modules)

    def forget(self) -> None:
        """Undo what importing has left in this process."""
        for module in self._modules:
            sys.modules.pop(module, None)
        plug_in.cache_clear()

    def _metadata(self, package: str) -> Path:
        return self.folder / f"{package.replace('-', '_')}-1.0.dist-info"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """An empty folder of installed packages."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    made = Packages(folder)
    plug_in.cache_clear()
    yield made
    made.forget()


def _write_lines(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def _block(language: str) -> str:
    """Return the first example in that language on the page."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]

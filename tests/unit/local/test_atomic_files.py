"""What is replaced is there before and after, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploytune.runtime.local.atomic_files import replace_folder


def a_folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "file").write_text(content)
    return path


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    target = a_folder(tmp_path / "target", "old")
    replace_folder(a_folder(tmp_path / "new", "new"), target, tmp_path / "aside")
    assert "new" == (target / "file").read_text()
    assert [target] == list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_replaced_is_put_back(tmp_path: Path) -> None:
    target = a_folder(tmp_path / "target", "old")
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "nowhere", target, tmp_path / "aside")
    assert "old" == (target / "file").read_text()
    assert [target] == list(tmp_path.iterdir())

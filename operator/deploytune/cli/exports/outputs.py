"""Where an export goes: standard output, a file, a folder or an archive; whole or not at all.

What is there already stays unless `--force` is given. Even then a folder is replaced only where it
holds nothing but what an export has put there, by the list that it left, so that a slip in the name
costs nobody their files. Triton passes over that list: it looks at folders only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.runtime.local.atomic_files import (
    make_durable,
    replace_folder,
    temporary_beside,
    write_atomically,
)

_OPTION = "--output"
_LIST = ".deploytune-export"
_ARCHIVES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz"}


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where a text goes."""
    _add_arguments(parser, "FILE", "default: standard output")


def add_folder_arguments(parser: argparse.ArgumentParser, default: str) -> None:
    """Add where a folder goes."""
    endings = ", ".join(_ARCHIVES)
    _add_arguments(parser, "PLACE", f"a folder, or an archive ({endings}); default: {default}")


def put_text(text: str, options: argparse.Namespace) -> None:
    """Write a text to where the command line says.

    Raises:
        InvalidTuningError: something is there already.
        MachineError: it cannot be written.
    """
    output: Path | None = options.output
    if output is None:
        sys.stdout.write(text)
        return
    if output.is_dir() or (output.exists() and not options.force):
        raise _is_there(output)
    try:
        write_atomically(output, text.encode())
    except OSError as error:
        raise _unwritable(output, error) from error


def put_folder(fill: Callable[[Path], None], output: Path, *, force: bool) -> None:
    """Make a folder or an archive of what `fill` puts into the empty folder that it is given.

    Raises:
        InvalidTuningError: something is there already.
        MachineError: it cannot be written.
    """
    if output.exists() and not force and not _is_empty_folder(output):
        raise _is_there(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=output.parent) as work:
            folder = Path(work, "content")
            folder.mkdir()
            fill(folder)
            mode = archive_mode(output)
            if mode is None:
                _put_in_place(folder, output, Path(work, "earlier"))
            else:
                _write_archive(folder, output, mode)
        make_durable(output.parent)
    except OSError as error:
        raise _unwritable(output, error) from error


def archive_mode(output: Path) -> str | None:
    """Return how an archive of that name is opened for writing, None if it is a folder's name."""
    return next((mode for end, mode in _ARCHIVES.items() if output.name.endswith(end)), None)


def _add_arguments(parser: argparse.ArgumentParser, metavar: str, text: str) -> None:
    parser.add_argument("--output", "-o", type=Path, metavar=metavar, help=text)
    parser.add_argument("--force", action="store_true", help="replace what an earlier export left")


def _write_archive(folder: Path, output: Path, mode: str) -> None:
    if output.is_dir():
        raise _is_there(output)
    arriving = temporary_beside(output)
    top = output.name.partition(".tar")[0].removesuffix(".tgz")
    try:
        # The names of users and groups here say nothing where it is unpacked.
        with tarfile.open(arriving, mode) as archive:  # type: ignore[call-overload]  # a str
            archive.add(folder, top, filter=_without_owner)
        arriving.replace(output)
    finally:
        arriving.unlink(missing_ok=True)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _put_in_place(folder: Path, output: Path, earlier: Path) -> None:
    folder.chmod(0o755)
    (folder / _LIST).write_text(json.dumps(sorted({*_names(folder), _LIST}), indent=0))
    if not output.exists() or _is_empty_folder(output):
        folder.rename(output)
        return
    if not output.is_dir():
        raise _is_there(output)
    foreign = _names(output) - _listed(output)
    if foreign:
        rule = f"must hold nothing but an earlier export, {output} holds {min(foreign)!r}"
        raise InvalidTuningError(_OPTION, rule)
    replace_folder(folder, output, earlier)


def _names(folder: Path) -> set[str]:
    """Return the paths of all that is in a folder, relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _listed(folder: Path) -> set[str]:
    """Return what an export says that it has put there: nothing, where none did."""
    try:
        return set(json.loads((folder / _LIST).read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return set()


def _is_empty_folder(output: Path) -> bool:
    return output.is_dir() and not any(output.iterdir())


def _is_there(output: Path) -> InvalidTuningError:
    if output.is_dir():
        rule = "must not be a folder with something in it (--force replaces an earlier export)"
        return InvalidTuningError(_OPTION, rule, str(output))
    rule = "must not be there already (--force replaces it)"
    return InvalidTuningError(_OPTION, rule, str(output))


def _unwritable(output: Path, error: OSError) -> MachineError:
    return MachineError(f"{output} cannot be written: {error.strerror or error}")

"""The trials as a study of Optuna, which optuna-dashboard shows and Optuna goes on from."""

from __future__ import annotations

import argparse
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.recorded_tunings import recorded_tuning
from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.report.wording import counted
from deploytune.runtime.local.atomic_files import make_durable, temporary_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.storages import BaseStorage
    from sqlalchemy.engine import URL

    from deploytune.report.handover.studies import StudyRecord

_OPTION = "--storage"
_JOURNAL_ENDING = ".log"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this format's arguments."""
    parser.add_argument(
        _OPTION,
        metavar="PLACE",
        help="a journal, a file that ends in .log; or a URL such as sqlite:///FILE, which takes "
        "much longer; default: TUNING.log",
    )
    parser.add_argument("--study", metavar="NAME", help="default: TUNING")


def execute(options: argparse.Namespace) -> ExitCode:
    """Put the study into the storage."""
    if find_spec("optuna") is None:
        raise MachineError("the package optuna is not installed (extra [local] or [operator])")
    from deploytune.report.handover.studies import study_of
    from deploytune.search.strategies.optuna_bridge import quietly

    record = study_of(recorded_tuning(options, options.tuning))
    place = options.storage or f"{options.tuning}{_JOURNAL_ENDING}"
    name = options.study or options.tuning
    with quietly():
        _put(record, place, name)
    left_out = f", {counted(record.unfinished, 'unfinished trial')} left out"
    print(
        f"study {name} in {_shown(place)}: {counted(len(record.trials), 'trial')}"
        f"{left_out if record.unfinished else ''}"
    )
    return ExitCode.ANSWER


def _put(record: StudyRecord, place: str, name: str) -> None:
    """Add the study; a file that it would begin appears when the study is whole."""
    file = _file_of(place)
    if file is None or file.exists():
        _add_study(record, place, name)
        return
    arriving = temporary_beside(file)
    _remove(arriving)  # what an interrupted export left
    try:
        _add_study(record, _instead(place, arriving), name)
        arriving.replace(file)
        make_durable(file.parent)
    except OSError as error:
        raise MachineError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        _remove(arriving)


def _remove(arriving: Path) -> None:
    """Remove a storage that was not finished, with the lock or journal beside it."""
    for ending in ("", ".lock", "-journal"):
        arriving.with_name(f"{arriving.name}{ending}").unlink(missing_ok=True)


def _file_of(place: str) -> Path | None:
    """Return the file that a storage on this machine is, None if it is somewhere else.

    Raises:
        InvalidTuningError: it is neither a journal nor a URL, or a URL of SQLite without a file.
    """
    if "://" not in place:
        if not place.endswith(_JOURNAL_ENDING):
            raise InvalidTuningError(_OPTION, "must be a URL or end in .log", place)
        return Path(place)
    database = _url_of(place).database
    if _url_of(place).get_backend_name() != "sqlite":
        return None
    if database in (None, "", ":memory:"):
        raise InvalidTuningError(_OPTION, "must name a file, as in sqlite:///FILE", place)
    # A URI of SQLite's own may be a file that no path names.
    return None if database.startswith("file:") else Path(database)


def _instead(place: str, file: Path) -> str:
    """Return a storage like `place` in another file."""
    if "://" not in place:
        return str(file)
    return _url_of(place).set(database=str(file)).render_as_string(hide_password=False)


def _url_of(place: str) -> URL:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(place)
    except (ArgumentError, ValueError):
        # Not shown: what cannot be read may hold a password anywhere.
        raise InvalidTuningError(_OPTION, "must be the URL of a database") from None


def _shown(place: str) -> str:
    """Return a place as it may be told: without a password."""
    return _url_of(place).render_as_string() if "://" in place else place


def _add_study(record: StudyRecord, place: str, name: str) -> None:
    import optuna

    with _opened(place) as storage:
        try:
            study = optuna.create_study(
                storage=storage, study_name=name, directions=list(record.directions)
            )
        except optuna.exceptions.DuplicatedStudyError:
            raise InvalidTuningError(
                "--study", f"must not be in {_shown(place)} already", name
            ) from None
        try:
            study.set_metric_names(list(record.metric_names))
            for key, value in record.attributes.items():
                study.set_user_attr(key, value)
            study.add_trials(record.trials)
        except BaseException:
            with suppress(Exception):  # what ended it is what is told
                optuna.delete_study(study_name=name, storage=storage)
            raise


@contextmanager
def _opened(place: str) -> Iterator[BaseStorage]:
    """Open a storage; what it or its driver says is wrong becomes one line."""
    from optuna.exceptions import OptunaError
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend
    from sqlalchemy.exc import SQLAlchemyError

    database = None
    try:
        if "://" in place:
            database = RDBStorage(place)
        yield database or JournalStorage(JournalFileBackend(place))
    except (ImportError, OptunaError, OSError, SQLAlchemyError) as error:
        raise MachineError(f"{_shown(place)}: {' '.join(str(error).split())}") from error
    finally:
        if database is not None:
            database.engine.dispose()

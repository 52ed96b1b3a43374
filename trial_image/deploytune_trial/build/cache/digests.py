"""Digests of what a build is made from: the model, the data, and the code that builds.

A Python function's model is its weights, its structure, and the source of every module behind it.
What a module reads by other ways, such as a file that `forward` opens, is not seen.
"""

from __future__ import annotations

import hashlib
import inspect
import mmap
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import deploytune.contract
from deploytune_trial.models.loaded import LoadedModel

_PACKAGE = Path(__file__).parents[2]
_CONTRACT = Path(deploytune.contract.__file__).parent
_EXTERNAL_DATA_KEY = b"location"


def digest_of_files(paths: Iterable[Path]) -> str:
    """Return one digest of the contents of files, in the order given."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(digest_of_file(path).encode())
    return whole.hexdigest()


def digest_of_file(path: Path) -> str:
    """Return the digest of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_model(model: LoadedModel) -> str:
    """Return a digest of all that a model's answers follow from, as far as it can be seen.

    Raises:
        OSError: one of its files cannot be read.
    """
    if model.onnx_path is not None:
        return digest_of_files([model.onnx_path, *_external_files(model.onnx_path)])
    assert model.python_function is not None
    return _digest_of_module(model.python_function)


@cache
def digest_of_code() -> str:
    """Return a digest of the trial's own code.

    The whole of it: what builds, serves and judges imports from nearly every part.
    """
    return digest_of_files(own_code())


def own_code() -> list[Path]:
    """Return the sources of the trial and of the contract."""
    return sorted(source for package in (_PACKAGE, _CONTRACT) for source in package.rglob("*.py"))


def digest_of_user_code(package: str) -> str:
    """Return a digest of the user's modules that are loaded: a function may call any of them.

    These are the modules that are no part of an installation, and those of that `package`.
    """
    modules = list(sys.modules.items())
    named = {
        getattr(module, "__file__", None)
        for name, module in modules
        if name.partition(".")[0] == package
    }
    return digest_of_files(_readable({*named, *_own_sources()}))


def _external_files(path: Path) -> list[Path]:
    """Return the files beside a model that hold its weights, where it has such files."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(_EXTERNAL_DATA_KEY) < 0:
            return []
    import onnx

    from deploytune_trial.build.graphs.conversions import external_files

    names = external_files(onnx.load(path, load_external_data=False))
    return [path.parent / name for name in sorted(names)]


def _digest_of_module(function: Any) -> str:
    module = function()
    whole = hashlib.sha256(repr(module).encode())
    # Buffers by themselves too: some are not among what is saved.
    for name, weight in [*module.state_dict().items(), *module.named_buffers()]:
        whole.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        whole.update(memoryview(_bytes_of(weight)))
    sources = {inspect.getsourcefile(inspect.unwrap(function)), *_own_sources()}
    sources.update(_source_of(type(part)) for part in module.modules())
    whole.update(digest_of_files(_readable(sources)).encode())
    return whole.hexdigest()


def _readable(sources: Iterable[str | None]) -> list[Path]:
    """Return the files among sources; some modules of torch name files that are none."""
    files = sorted(Path(one) for one in sources if one and Path(one).is_absolute())
    return [file for file in files if file.is_file()]


def _bytes_of(weight: Any) -> Any:
    import torch

    return weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()


def _source_of(kind: type) -> str | None:
    module = sys.modules.get(kind.__module__)
    return getattr(module, "__file__", None)


def _own_sources() -> set[str]:
    """Return the source of every loaded module that is no part of an installation."""
    installed = (sys.prefix, sys.base_prefix, str(_PACKAGE), str(_CONTRACT))
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {file for file in files if file and not file.startswith(installed)}

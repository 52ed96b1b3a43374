from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from onnx_builders import an_mlp, saved
from source_builders import Fetch, Refused

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.sources import is_url, without_secrets
from deploytune_trial.models.loading import load_model


def test_a_file_of_this_machine_has_a_url_too(fetch: Fetch, tmp_path: Path) -> None:
    source = saved(an_mlp(), tmp_path)
    assert load_model(fetch(f"file://{source}").request).name == "net"


def test_memory_is_a_file_system(fetch: Fetch, tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/models/net.onnx", Path(saved(an_mlp(), tmp_path)).read_bytes())
    assert load_model(fetch("memory://models/net.onnx").request).name == "net"


def test_a_model_in_a_wheel_is_read(fetch: Fetch, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "some.whl", "w") as archive:
        archive.write(saved(an_mlp(), tmp_path), "package/net.onnx")
    url = f"zip://package/net.onnx::{tmp_path}/some.whl"
    assert load_model(fetch(url).request).name == "net"


def test_a_file_that_is_not_there_is_named(refused: Refused) -> None:
    assert refused("file:///no/net.onnx").message == (
        "model net: no such file, got 'file:///no/net.onnx'"
    )


def test_an_unknown_scheme_is_named(refused: Refused) -> None:
    failure = refused("gopher://host/net.onnx")
    expected = (
        "model net: scheme 'gopher' must be one that fsspec knows, got 'gopher://host/net.onnx'"
    )
    assert (OutcomeKind.MISCONFIGURED, expected) == (failure.outcome, failure.message)


def test_a_missing_package_is_named(refused: Refused) -> None:
    failure = refused("sftp://host/net.onnx")
    assert (OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY) == (failure.outcome, failure.cause)
    assert failure.message.startswith("model net: a package that reads sftp://host/net.onnx (")
    assert "paramiko" in failure.message
    assert "deploytune[sources]" in failure.message


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("models/net.onnx", False),
        ("/models/a:b.onnx", False),
        ("python:package:function", False),
        ("https://host/net.onnx", True),
        ("zip://net.onnx::/wheel", True),
        ("simplecache::s3://a/b", True),
    ],
)
def test_urls_are_told_from_paths(source: str, expected: bool) -> None:  # noqa: FBT001
    assert is_url(source) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://me:word@host/a", "https://host/a"),
        ("GET https://host/a?sig=b&c=d failed", "GET https://host/a?… failed"),
        ("s3://bucket/a", "s3://bucket/a"),
        (
            "https://host/a?sv=1&se=2026-11-26T07:00:00Z&sig=b: denied",
            "https://host/a?…: denied",
        ),
        ("zip://a::https://host/b?se=07:00&sig=c::d", "zip://a::https://host/b?…::d"),
    ],
)
def test_no_secret_of_a_url_is_shown(text: str, expected: str) -> None:
    assert expected == without_secrets(text)

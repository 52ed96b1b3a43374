"""Against a real S3-compatible server that checks signatures."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
from object_stores import KEY, SECRET, ObjectStore
from onnx_builders import an_mlp, saved
from source_builders import Fetch, Refused

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.models.loading import load_model


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith(("AWS_", "FSSPEC_"))]:
        monkeypatch.delenv(name)


def given(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_the_right_credentials_open_it(
    object_store: ObjectStore, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = Path(saved(an_mlp(), tmp_path)).read_bytes()
    url = object_store.put("a/net.onnx", content)
    given(object_store.variables(), monkeypatch)
    fetched = fetch(url)
    assert fetched.facts == {"modelSha256": hashlib.sha256(content).hexdigest()}
    assert load_model(fetched.request).name == "net"


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        pytest.param(KEY, "another-secret", id="a wrong secret"),
        pytest.param("another-key", SECRET, id="an unknown key"),
    ],
)
def test_wrong_credentials_are_the_users_to_mend(
    object_store: ObjectStore,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    secret: str,
) -> None:
    url = object_store.put("a/net.onnx", b"x")
    given(object_store.variables(key, secret), monkeypatch)
    failure = refused(url)
    assert (OutcomeKind.MISCONFIGURED, Cause.BAD_WORKLOAD) == (failure.outcome, failure.cause)
    expected = "must be readable with the credentials given (workload.credentials); it is refused"
    assert failure.message == f"model net: {expected}, got {url!r}"


def test_no_credentials_are_the_users_to_mend(
    object_store: ObjectStore, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = object_store.put("a/net.onnx", b"x")
    given(object_store.variables_without_credentials(), monkeypatch)
    failure = refused(url)
    expected = "needs credentials, and none are given (workload.credentials)"
    assert (OutcomeKind.MISCONFIGURED, f"model net: {expected}, got {url!r}") == (
        failure.outcome,
        failure.message,
    )


@pytest.mark.parametrize("url", ["s3://models/none.onnx", "s3://nowhere/net.onnx", "s3://models"])
def test_what_is_not_there_is_the_users_to_mend(
    object_store: ObjectStore, refused: Refused, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    given(object_store.variables(), monkeypatch)
    assert f"model net: no such file, got {url!r}" == refused(url).message


def test_a_store_that_is_not_there_is_nobodys_fault(
    object_store: ObjectStore, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = ObjectStore("127.0.0.1:9")
    assert gone.address != object_store.address
    given(gone.variables(), monkeypatch)
    failure = refused("s3://models/net.onnx")
    assert (OutcomeKind.INFRASTRUCTURE, Cause.SOURCE_UNREACHABLE) == (
        failure.outcome,
        failure.cause,
    )
    assert SECRET not in failure.message


def test_a_model_in_an_archive_in_a_store_is_read(
    object_store: ObjectStore, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.write(saved(an_mlp(), tmp_path), "a/net.onnx")
        archive.writestr("padding", b"x" * 3_000_000)
    url = object_store.put("m.zip", (tmp_path / "m.zip").read_bytes())
    given(object_store.variables(), monkeypatch)
    # This server does not know ranges of bytes, so that the archive is fetched as a whole first.
    assert load_model(fetch(f"zip://a/net.onnx::simplecache::{url}").request).name == "net"

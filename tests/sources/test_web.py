from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import fsspec
import numpy as np
import onnx
import pytest
from onnx_builders import CLASSES, FEATURES, an_mlp, saved
from source_builders import Fetch, Refused
from web_servers import LARGE, WebServer

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.models.loading import load_model
from deploytune_trial.sources.external_data import beside
from deploytune_trial.sources.streams import _set_web_defaults

MISCONFIGURED, INFRASTRUCTURE = OutcomeKind.MISCONFIGURED, OutcomeKind.INFRASTRUCTURE


def a_file(folder: Path) -> bytes:
    return Path(saved(an_mlp(), folder)).read_bytes()


def with_external_data(folder: Path, location: str = "weights.bin") -> dict[str, bytes]:
    (folder / "split").mkdir()
    path = folder / "split" / "net.onnx"
    (path.parent / location).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(an_mlp(), path, save_as_external_data=True, location=location, size_threshold=0)
    return {"a/net.onnx": path.read_bytes(), f"a/{location}": (path.parent / location).read_bytes()}


def test_a_model_is_downloaded_and_digested(web: WebServer, fetch: Fetch, tmp_path: Path) -> None:
    web.files["net.onnx"] = a_file(tmp_path)
    fetched = fetch(web.url("net.onnx"))
    expected = hashlib.sha256(web.files["net.onnx"]).hexdigest()
    assert fetched.facts == {"modelSha256": expected}
    assert load_model(fetched.request).interface.inputs[0].shape == (FEATURES,)


@pytest.mark.parametrize("location", ["weights.bin", "parts/weights.bin"])
def test_external_data_comes_with_its_model(
    web: WebServer, fetch: Fetch, tmp_path: Path, location: str
) -> None:
    web.files |= with_external_data(tmp_path, location)
    fetched = fetch(web.url("a/net.onnx?signature=secret"))
    assert load_model(fetched.request).interface.outputs[0].shape == (CLASSES,)
    assert {"modelSha256", "modelExternalDataSha256"} == fetched.facts.keys()


def test_external_data_that_is_not_there_is_named(
    web: WebServer, refused: Refused, tmp_path: Path
) -> None:
    web.files |= with_external_data(tmp_path)
    del web.files["a/weights.bin"]
    failure = refused(web.url("a/net.onnx"))
    expected = f"model net: no such file, got '{web.url('a/weights.bin')}'"
    assert (MISCONFIGURED, expected) == (failure.outcome, failure.message)


def test_external_data_outside_the_folder_is_not_asked_for(
    web: WebServer, refused: Refused, tmp_path: Path
) -> None:
    web.files |= with_external_data(tmp_path)
    model = onnx.load_model_from_string(web.files["a/net.onnx"])
    model.graph.initializer[0].external_data[0].value = "../../secrets"
    web.files["a/net.onnx"] = model.SerializeToString()
    failure = refused(web.url("a/net.onnx"))
    assert "external data must lie in the model's own folder" in failure.message
    assert not [path for path in web.asked if "secrets" in path]


def test_data_is_downloaded_too(web: WebServer, fetch: Fetch, tmp_path: Path) -> None:
    web.files["net.onnx"] = a_file(tmp_path)
    np.savez(
        tmp_path / "data.npz", x=np.zeros((5, FEATURES), np.float32), label=np.zeros(5, np.int64)
    )
    web.files["data.npz"] = (tmp_path / "data.npz").read_bytes()
    fetched = fetch(web.url("net.onnx"), evaluation_data=web.url("data.npz"))
    assert {"modelSha256", "evaluationDataSha256"} == fetched.facts.keys()
    assert load_model(fetched.request).name == "net"


def test_what_is_a_path_stays_one(fetch: Fetch, tmp_path: Path) -> None:
    source = saved(an_mlp(), tmp_path)
    fetched = fetch(source, evaluation_data="/data/e.npz")
    assert ({}, source) == (fetched.facts, fetched.request.workload.models[0].source)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(401, "credentials given (workload.credentials); it is refused", id="401"),
        pytest.param(403, "credentials given (workload.credentials); it is refused", id="403"),
        pytest.param(404, "no such file", id="404"),
        pytest.param(418, "must be readable; the answer was 418", id="another refusal"),
    ],
)
def test_a_refusal_is_the_users_to_mend(
    web: WebServer, refused: Refused, status: int, expected: str
) -> None:
    web.files["net.onnx"], web.status = b"", status
    failure = refused(web.url("net.onnx?sig=abc"))
    assert (MISCONFIGURED, Cause.BAD_WORKLOAD) == (failure.outcome, failure.cause)
    assert expected in failure.message
    assert web.url("net.onnx") in failure.message
    assert "abc" not in failure.message


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_nobodys_fault(
    web: WebServer, refused: Refused, status: int
) -> None:
    web.files["net.onnx"], web.status = b"", status
    failure = refused(web.url("net.onnx?sig=abc"))
    assert (INFRASTRUCTURE, Cause.SOURCE_UNREACHABLE) == (failure.outcome, failure.cause)
    assert "abc" not in failure.message


def test_a_server_that_is_not_there_is_nobodys_fault(refused: Refused) -> None:
    failure = refused("http://127.0.0.1:9/net.onnx")
    assert (INFRASTRUCTURE, Cause.SOURCE_UNREACHABLE) == (failure.outcome, failure.cause)
    assert failure.message.startswith("model net: http://127.0.0.1:9/net.onnx cannot be read")


def test_half_a_file_is_not_taken(web: WebServer, refused: Refused) -> None:
    web.files["net.onnx"], web.short = b"x" * 1000, True
    assert refused(web.url("net.onnx")).outcome is INFRASTRUCTURE


def test_a_server_that_falls_silent_is_nobodys_fault(web: WebServer, refused: Refused) -> None:
    web.files["net.onnx"], web.stall = b"x" * 1000, True
    failure = refused(web.url("net.onnx"), stall_seconds=0.3)
    assert failure.outcome is INFRASTRUCTURE
    assert failure.message.endswith("cannot be read for now: nothing came for 0.3 s")


def test_a_load_deadline_that_is_too_short_is_the_users_to_mend(
    web: WebServer, refused: Refused
) -> None:
    web.files["net.onnx"], web.announced, web.drip = b"x", 10**6, True
    failure = refused(web.url("net.onnx"), seconds=0.5)
    assert failure.outcome is MISCONFIGURED
    assert failure.message.startswith("trial.stageDeadlinesSeconds.load: must leave time for model")


def test_a_download_may_take_longer_than_its_library_allows(
    web: WebServer, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiohttp.client.DEFAULT_TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    fsspec.get_filesystem_class("http").clear_instance_cache()
    web.files["net.onnx"], web.announced, web.drip = b"x", 10**6, True
    failure = refused(web.url("net.onnx"), seconds=0.5)
    assert failure.message.startswith("trial.stageDeadlinesSeconds.load: must leave time for model")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_options_of_a_tuning_go_before_our_own(scheme: str) -> None:
    options: dict[str, Any] = {scheme: {"client_kwargs": {"trust_env": False}}}
    _set_web_defaults(options)
    assert options[scheme]["client_kwargs"]["trust_env"] is False
    assert options[scheme]["client_kwargs"]["timeout"].total is None


def test_a_file_larger_than_the_disk_is_refused_before_it_comes(
    web: WebServer, refused: Refused
) -> None:
    web.files["net.onnx"], web.announced, web.stall = b"x", LARGE, True
    failure = refused(web.url("net.onnx"))
    assert failure.outcome is MISCONFIGURED
    assert failure.message.startswith("model net: must fit on the trial's disk, which has ")
    assert failure.message.endswith("MiB to spare, got '1073741824 MiB'")


def test_a_wrong_parameter_is_refused_before_anything_is_downloaded(
    web: WebServer, refused: Refused
) -> None:
    failure = refused(web.url("net.onnx"), parameters={"batchSize": 4})
    assert (Cause.BAD_PARAMETER, []) == (failure.cause, web.asked)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        pytest.param("Bearer right", "Fetched", id="right"),
        pytest.param("Bearer wrong", "it is refused", id="wrong"),
    ],
)
def test_a_header_of_the_secret_opens_the_web(
    web: WebServer, tmp_path: Path, token: str, expected: str
) -> None:
    """As the trial does it: fsspec reads its variables when a process begins."""
    web.files["net.onnx"], web.token = a_file(tmp_path), "Bearer right"
    code = (
        "import sys; from pathlib import Path; from onnx_builders import a_model_request\n"
        "from deploytune_trial.sources.fetching import fetch_sources\n"
        "print(fetch_sources(a_model_request(sys.argv[1]), Path(sys.argv[2]), 60.0))"
    )
    options = json.dumps({"headers": {"Authorization": token}})
    done = subprocess.run(
        [sys.executable, "-c", code, web.url("net.onnx"), str(tmp_path)],
        env={**os.environ, "FSSPEC_HTTP": options, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert expected in done.stdout + done.stderr
    assert token not in done.stdout + done.stderr.rpartition("TrialFailure")[2]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket/a/net.onnx", "s3://bucket/a/w.bin"),
        ("https://host/a/net.onnx?sig=1/2", "https://host/a/w.bin"),
        ("zip://a/net.onnx::https://host/m.zip?x=1", "zip://a/w.bin::https://host/m.zip?x=1"),
        ("simplecache::https://host/a/net.onnx", "simplecache::https://host/a/w.bin"),
    ],
)
def test_external_data_is_looked_for_beside_the_model(url: str, expected: str) -> None:
    assert expected == beside(url, "w.bin")

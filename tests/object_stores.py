"""A real S3-compatible server on loopback, which checks signatures: gofakes3, built here.

Built once and kept outside the tree, as the clusters' programs are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.keeping import made_once
from clusters.programs import output_of

KEY, SECRET, BUCKET = "the-key", "the-secret", "models"
MODULE = "github.com/rclone/gofakes3 v0.0.4"
PROGRAM = """package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

func main() {
	store := s3mem.New()
	if err := store.CreateBucket(context.Background(), os.Args[3]); err != nil {
		panic(err)
	}
	keys := map[string]string{os.Args[1]: os.Args[2]}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	panic(http.Serve(listener, gofakes3.New(store, gofakes3.WithV4Auth(keys)).Server()))
}
"""
GO_MODULE = f"module deploytune/tests\n\ngo 1.24\n\nrequire {MODULE}\n"
BUILD = ["build", "-mod=mod", "-trimpath", "-ldflags", "-s -w", "-o"]


@dataclass(frozen=True)
class ObjectStore:
    """A running server with one bucket."""

    address: str

    def variables(self, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
        """What a Secret would hold."""
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            **self.variables_without_credentials(),
        }

    def variables_without_credentials(self) -> dict[str, str]:
        """Where it is; and that there is no machine to ask for credentials."""
        return {
            "AWS_ENDPOINT_URL": f"http://{self.address}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_METADATA_ENDPOINT": "http://127.0.0.1:9",
        }

    def put(self, name: str, content: bytes) -> str:
        """Put an object into the bucket and return its URL."""
        import obstore
        from obstore.store import S3Store

        settings: Any = {
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "endpoint": f"http://{self.address}",
            "region": "us-east-1",
        }
        store = S3Store(BUCKET, config=settings, client_options={"allow_http": True})
        obstore.put(store, name, content)
        return f"s3://{BUCKET}/{name}"


def why_no_object_store() -> str | None:
    """Return what the machine lacks to build one."""
    return None if shutil.which("go") else "no Go to build an S3 server with"


@contextmanager
def an_object_store() -> Iterator[ObjectStore]:
    """Run one."""
    folder = made_once("s3-server", {"module": GO_MODULE, "main": PROGRAM, "build": BUILD}, _build)
    server = subprocess.Popen(
        [folder / "s3-server", KEY, SECRET, BUCKET], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield ObjectStore(server.stdout.readline().strip())
    finally:
        server.terminate()
        server.communicate()


def _build(folder: Path) -> None:
    (folder / "go.mod").write_text(GO_MODULE)
    (folder / "main.go").write_text(PROGRAM)
    variables = {"CGO_ENABLED": "0", "GOFLAGS": os.environ.get("GOFLAGS", "")}
    output_of(["go", *BUILD, folder / "s3-server", "."], folder=folder, variables=variables)

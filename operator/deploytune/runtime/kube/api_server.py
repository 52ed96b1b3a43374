"""The API server as a few calls on plain JSON, with time-outs, repetition and our own errors.

`kubernetes.aio` reads the kubeconfig or the service account, renews tokens, and holds the TLS
connections; of its client only the REST layer is used. Its typed calls turn every answer into
model objects, which costs several times the parsing of the JSON; its dynamic client asks for all
API groups at the start and wraps every field. Neither bounds a call's time by itself, and errors
of the connection pass through both as aiohttp's.

Every call may be repeated without harm: objects are created under fixed names, deletions and
patches say which object they mean, applied fields stay the same. So a call that got no answer is
made again, and an answer that was lost shows as `AlreadyExistsError`, `NotFoundError` or
`ConflictError` at the repetition, which the caller must be ready for in any case.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientError, ClientTimeout
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.rest import RESTResponse

from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.errors import (
    ConflictError,
    ExpiredError,
    NotFoundError,
    NotLeadingError,
    RefusedError,
    UnavailableError,
    error_of,
    in_one_line,
)
from deploytune.runtime.kube.patience import Patience
from deploytune.runtime.kube.resources import PODS, Resource
from deploytune.state.pods.labels import MANAGER

Json = dict[str, Any]

RequestObserver = Callable[[str, int | None], None]
"""Told of every request: its verb, and the code of its answer, None if there was none."""

WriteGuard = Callable[[], bool]
"""Says whether this process may write now."""

_PAGE = 500
_MOST_LOG_BYTES = 2**18
_WATCH_SECONDS = 60
_WATCH_GRACE_SECONDS = 15
_PLAIN = "application/json"
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_APPLY = "application/apply-patch+yaml; charset=utf-8"
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_JSON_PATCH = "application/json-patch+json"
_METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}
_READS = ("get", "list")


@dataclass(frozen=True)
class Listed:
    """All objects of one moment, and the version from which a watch goes on."""

    items: list[Json]
    version: str


@dataclass(frozen=True)
class _Call:
    verb: str
    path: str
    query: Mapping[str, str | int] | None = None
    body: Json | Sequence[Json] | bytes | None = None
    content_type: str = _PLAIN
    accept: str = _PLAIN


class ApiServer:
    """Calls on any kind of object; those that write are refused where the guard says no."""

    def __init__(
        self,
        client: ApiClient,
        *,
        patience: Patience | None = None,
        observer: RequestObserver | None = None,
        may_write: WriteGuard | None = None,
    ) -> None:
        """Use a client that is already configured; it stays the caller's to close."""
        self._client = client
        self._patience = patience or Patience()
        self._observe = observer or (lambda _verb, _code: None)
        self._may_write = may_write or (lambda: True)

    def with_patience(self, patience: Patience) -> ApiServer:
        """Return the same server with other time-outs, and no guard: for the Lease's own calls."""
        return ApiServer(self._client, patience=patience, observer=self._observe)

    def guarded_by(self, may_write: WriteGuard) -> ApiServer:
        """Return the same server that writes only while the guard says yes."""
        return ApiServer(
            self._client, patience=self._patience, observer=self._observe, may_write=may_write
        )

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """Return an object.

        Raises:
            NotFoundError: it is not there.
        """
        return await self._json(_Call("get", resource.path(namespace, name)))

    async def find(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        """Return an object, None if it is not there."""
        try:
            return await self.get(resource, namespace, name)
        except NotFoundError:
            return None

    async def metadata(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """Return an object's metadata alone: whether a Secret is there takes nothing out of it.

        Raises:
            NotFoundError: it is not there.
        """
        call = _Call("get", resource.path(namespace, name), accept=_METADATA)
        answer = await self._json(call)
        metadata: Json = answer["metadata"]
        return metadata

    async def rehearse(self, resource: Resource, namespace: str | None, body: Json) -> None:
        """Ask whether an object would be created; nothing is, whatever the answer.

        Raises:
            RefusedError: a quota, an admission rule, a missing right or a bad field is against it.
        """
        query = {"fieldManager": MANAGER, "dryRun": "All"}
        await self._json(_Call("create", resource.path(namespace), query, body))

    async def list_all(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        page: int = _PAGE,
    ) -> list[Json]:
        """Return all objects that the selectors match, page by page, of one moment."""
        return (
            await self.listed(resource, namespace, labels=labels, fields=fields, page=page)
        ).items

    async def listed(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        page: int = _PAGE,
    ) -> Listed:
        """Return all objects that the selectors match, and their version.

        When the pages outlive what the server keeps, the list is made again, in one piece.
        """
        query: dict[str, str | int] = {"limit": page, **_selectors(labels, fields)}
        call = _Call("list", resource.path(namespace), query)
        try:
            return await self._pages(call)
        except ExpiredError:
            del query["limit"]
            return await self._pages(call)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None,
        version: str,
        *,
        labels: str = "",
        fields: str = "",
    ) -> AsyncIterator[Json]:
        """Yield what happens after a version, each `type` and `object`; the server ends it.

        Raises:
            ExpiredError: the version is no longer kept.
            UnavailableError: there is no answer, or no more of it.
        """
        query: dict[str, str | int] = {"watch": "true", "allowWatchBookmarks": "true"}
        query |= {"resourceVersion": version, "timeoutSeconds": _WATCH_SECONDS}
        call = _Call("watch", resource.path(namespace), query | _selectors(labels, fields))
        connect = self._patience.connect_seconds
        silence = _WATCH_SECONDS + _WATCH_GRACE_SECONDS
        response = await self._open(call, ClientTimeout(sock_connect=connect, sock_read=silence))
        rest = b""
        try:
            async for chunk in response.response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield _event_in(line)
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise UnavailableError(_no_answer(call, error)) from error
        finally:
            response.response.close()

    async def create(self, resource: Resource, namespace: str | None, body: Json) -> Json:
        """Create an object and return it as the server has it.

        Raises:
            AlreadyExistsError: one of this name is there.
            RefusedError: a quota, an admission rule, a missing right or a bad field is against it.
        """
        path = resource.path(namespace)
        return await self._json(_Call("create", path, {"fieldManager": MANAGER}, body))

    async def update(self, resource: Resource, namespace: str | None, body: Json) -> Json:
        """Replace an object by a changed copy of what was read; its resourceVersion decides.

        Raises:
            ConflictError: it has changed since.
        """
        path = resource.path(namespace, body["metadata"]["name"])
        return await self._json(_Call("update", path, {"fieldManager": MANAGER}, body))

    async def apply(
        self, resource: Resource, namespace: str | None, body: Json, subresource: str = ""
    ) -> Json:
        """Apply our fields of an object, and no others; what another manager set is overruled.

        A resourceVersion in the body is a precondition.

        Raises:
            ConflictError: it has changed since.
        """
        path = resource.path(namespace, body["metadata"]["name"], subresource)
        query = {"fieldManager": MANAGER, "force": "true"}
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        return await self._json(_Call("patch", path, query, _as_yaml(whole), _APPLY))

    async def json_patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Sequence[Json]
    ) -> Json:
        """Perform the operations of a JSON patch, all or none.

        Raises:
            ConflictError: one of its `test` operations does not hold.
        """
        path = resource.path(namespace, name)
        query = {"fieldManager": MANAGER}
        try:
            return await self._json(_Call("patch", path, query, operations, _JSON_PATCH))
        except RefusedError as error:
            if error.is_failed_test:
                raise ConflictError("the object has changed since it was read") from error
            raise

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, deletion: Deletion
    ) -> None:
        """Delete an object; it may stay for its grace and its finalizers.

        Raises:
            NotFoundError: it is not there.
            ConflictError: the object of this name is not the one that is meant.
        """
        path = resource.path(namespace, name)
        await self._send(_Call("delete", path, None, deletion.to_options()))

    async def logs(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """Return the last lines that a container of a Pod has written, within bounds."""
        query: dict[str, str | int] = {"container": container, "tailLines": lines}
        query["limitBytes"] = _MOST_LOG_BYTES
        content = await self._send(_Call("get", PODS.path(namespace, pod, "log"), query))
        return content.decode(errors="replace")

    async def _pages(self, call: _Call) -> Listed:
        items: list[Json] = []
        query = dict(call.query or {})
        while True:
            answer = await self._json(replace(call, query=query))
            items += answer["items"]
            token = answer["metadata"].get("continue")
            if not token:
                return Listed(items, str(answer["metadata"].get("resourceVersion", "")))
            query["continue"] = token

    async def _json(self, call: _Call) -> Json:
        content = await self._send(call)
        try:
            answer: Json = json.loads(content)
        except ValueError as error:  # a proxy that answers in place of the server
            raise UnavailableError(_no_answer(call, error)) from error
        return answer

    async def _send(self, call: _Call) -> bytes:
        """Make a call until it is answered, or patience is at its end."""
        failed = 0
        while True:
            if call.verb not in _READS and not self._may_write():
                raise NotLeadingError("the Lease is not held: nothing may be written")
            try:
                return await self._request(call)
            except UnavailableError as error:
                failed += 1
                pause = self._patience.pause_after(failed, error.retry_after_seconds)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def _request(self, call: _Call) -> bytes:
        patience = self._patience
        limits = ClientTimeout(total=patience.call_seconds, sock_connect=patience.connect_seconds)
        response = await self._open(call, limits)
        try:
            content: bytes = await response.read()
        except (ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(_no_answer(call, error)) from error
        return content

    async def _open(self, call: _Call, limits: ClientTimeout) -> RESTResponse:
        """Return an answer of which the head is there, and says that all is well."""
        headers = {**self._client.default_headers, "Accept": call.accept}
        headers["Content-Type"] = call.content_type
        try:
            await self._client.update_params_for_auth(
                headers, [], ["BearerToken"], call.path, call.verb, None
            )
            response: RESTResponse = await self._client.rest_client.request(
                _METHODS[call.verb], self._url(call), headers, call.body, None, limits
            )
            failed = response.status >= HTTPStatus.MULTIPLE_CHOICES
            content = await response.read() if failed else b""
        except (ClientError, TimeoutError, OSError) as error:
            self._observe(call.verb, None)
            raise UnavailableError(_no_answer(call, error)) from error
        self._observe(call.verb, response.status)
        if failed:
            raise error_of(response.status, response.headers, content)
        return response

    def _url(self, call: _Call) -> str:
        query = f"?{urlencode(call.query)}" if call.query else ""
        return f"{self._client.configuration.host}{call.path}{query}"


def _selectors(labels: str, fields: str) -> dict[str, str | int]:
    given = {"labelSelector": labels, "fieldSelector": fields}
    return {name: selector for name, selector in given.items() if selector}


def _event_in(line: bytes) -> Json:
    """Return the event of a line.

    Raises:
        ClusterError: it is the server's word that the watch cannot go on.
    """
    event: Json = json.loads(line)
    if event["type"] == "ERROR":
        status = event["object"]
        raise error_of(int(status.get("code") or 0), {}, json.dumps(status).encode())
    return event


def _as_yaml(document: Json) -> bytes:
    """Return JSON that the API server's YAML reader takes, too.

    It knows no pairs of surrogates, which JSON may write an emoji as, and refuses some characters
    that are not printable.
    """
    text = json.dumps(document, ensure_ascii=False)
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _no_answer(call: _Call, error: Exception) -> str:
    why = str(error) or type(error).__name__
    return in_one_line(f"the API server gave no answer to {call.verb} {call.path}: {why}")

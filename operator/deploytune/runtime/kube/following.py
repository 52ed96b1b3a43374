"""The objects of one kind, followed: listed once, then kept up to date by a watch.

A watch that ends is begun again where it ended. Where the API server does not keep that version any
more, or is away, or ends a watch at once without a word, the objects are listed anew, after pauses
that grow; only the first version that is not kept costs no pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.errors import ExpiredError, UnavailableError
from deploytune.runtime.kube.resources import Resource
from deploytune.state.back_off import doubled_seconds

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_SHORTEST_WATCH_SECONDS = 1.0
"""What a watch without a word must last to count as one."""


class Followed:
    """The objects that two selectors match, as they were last heard of."""

    def __init__(
        self,
        resource: Resource,
        namespace: str,
        *,
        labels: str = "",
        fields: str = "",
        keeps_gone: bool = False,
    ) -> None:
        """Know nothing yet; `list` first, then `follow`. What is gone is kept in mind if wanted."""
        self._resource = resource
        self._namespace = namespace
        self._labels = labels
        self._fields = fields
        self._objects: dict[str, Json] = {}
        self._gone: dict[str, Json] | None = {} if keeps_gone else None
        self._version = ""
        self._failures = 0
        self.trouble: str | None = None
        """Why nothing is heard at the moment, None while something is."""

    def objects(self) -> Iterable[Json]:
        """Return them."""
        return tuple(self._objects.values())

    def gone(self) -> Iterable[Json]:
        """Return those that are gone, as they were last; none if they are not kept in mind."""
        return tuple((self._gone or {}).values())

    async def list(self, api: ApiServer) -> None:
        """Look at all of them.

        Raises:
            ClusterError: the API server refuses it, or gives no answer.
        """
        listed = await api.listed(
            self._resource, self._namespace, labels=self._labels, fields=self._fields
        )
        before = self._objects
        self._objects = {each["metadata"]["uid"]: each for each in listed.items}
        self._keep({uid: before[uid] for uid in before.keys() - self._objects.keys()})
        self._version = listed.version
        self.trouble = None

    async def follow(self, api: ApiServer, changed: Callable[[], None]) -> None:
        """Hear of them for ever, and say so each time.

        Raises:
            RefusedError: they may not be watched, or not be listed any more.
        """
        while True:
            try:
                if self._failures or not self._version:
                    await self.list(api)
                    changed()
                await self._hear_one_watch(api, changed)
                self._failures = 0
            except (ExpiredError, UnavailableError) as error:
                self._failures += 1
                if isinstance(error, ExpiredError) and self._failures == 1:
                    continue
                self.trouble = str(error)
                changed()
                await asyncio.sleep(
                    doubled_seconds(_FIRST_PAUSE_SECONDS, self._failures, _LONGEST_PAUSE_SECONDS)
                )

    async def _hear_one_watch(self, api: ApiServer, changed: Callable[[], None]) -> None:
        """Hear what one watch says until it ends.

        Raises:
            UnavailableError: there is no answer, or it ended at once without a word.
            ExpiredError: the version is no longer kept.
        """
        clock, is_silent = asyncio.get_running_loop().time, True
        began = clock()
        async for event in self._events(api):
            self._failures, self.trouble, is_silent = 0, None, False
            self._hear(event)
            changed()
        if is_silent and clock() - began < _SHORTEST_WATCH_SECONDS:
            raise UnavailableError("the API server ends each watch at once, without a word")

    def _events(self, api: ApiServer) -> AsyncIterator[Json]:
        return api.watch(
            self._resource,
            self._namespace,
            self._version,
            labels=self._labels,
            fields=self._fields,
        )

    def _hear(self, event: Json) -> None:
        metadata = event["object"]["metadata"]
        self._version = metadata["resourceVersion"]
        if event["type"] == "DELETED":
            self._objects.pop(metadata["uid"], None)
            self._keep({metadata["uid"]: event["object"]})
        elif event["type"] != "BOOKMARK":
            self._objects[metadata["uid"]] = event["object"]

    def _keep(self, gone: dict[str, Json]) -> None:
        if self._gone is not None:
            self._gone |= gone

"""Connections that the user has named: looked at one by one, instead of a list."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final

import structlog

from exporter.core.events import Listing
from exporter.core.observations import StreamEndReason
from exporter.upstream.kernel_api import KernelApi
from exporter.upstream.responses import ApiError

RETRIEVES_AT_ONCE: Final = 8

_log = structlog.get_logger()


class Chosen:
    """The named connections.

    After a look, ``absent`` are those that are no more, and ``unavailable`` those of which nothing
    could be learnt.
    """

    def __init__(self, api: KernelApi, connection_ids: Sequence[str]) -> None:
        self.connection_ids = tuple(dict.fromkeys(connection_ids))
        self.absent: set[str] = set()
        self.unavailable: set[str] = set()
        self._api = api
        self._told: dict[str, str] = {}

    async def pages(self) -> AsyncGenerator[list[Listing]]:
        """Look at all of them. What is wrong with one of them says nothing of the others.

        Raises:
            ApiError: the key is refused, or none of them could be had.
        """
        self.absent, self.unavailable = set(), set()
        problem: ApiError | None = None
        for start in range(0, len(self.connection_ids), RETRIEVES_AT_ONCE):
            some = self.connection_ids[start : start + RETRIEVES_AT_ONCE]
            answers = await asyncio.gather(*(self._retrieve(each) for each in some))
            yield [answer for answer in answers if isinstance(answer, Listing)]
            for answer in answers:
                if isinstance(answer, ApiError):
                    problem = answer
                    if answer.status == 401:
                        raise answer
        if problem and len(self.unavailable) == len(self.connection_ids):
            raise problem

    async def _retrieve(self, connection_id: str) -> Listing | ApiError | None:
        try:
            listing = await self._api.retrieve(connection_id, poll=True)
        except ApiError as error:
            if error.reason is not StreamEndReason.HTTP_404:
                self.unavailable.add(connection_id)
                self._tell(connection_id, f"it cannot be looked at: {error}")
                return error
            self.absent.add(connection_id)
            self._tell(connection_id, "there is no such connection")
            return None
        self._told.pop(connection_id, None)
        return listing

    def _tell(self, connection_id: str, problem: str) -> None:
        """Say what is wrong with a connection, once."""
        if self._told.get(connection_id) != problem:
            self._told[connection_id] = problem
            _log.warning(problem, connection_id=connection_id)

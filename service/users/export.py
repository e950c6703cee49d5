"""Everything held about a user as one JSON document, written row by row: its size in memory is that of a page."""

import asyncio
import base64
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import IO, Any
from uuid import UUID

import numpy as np
import orjson
from sqlalchemy import RowMapping

from service.database.sessions import ReadSession, as_of_one_moment
from service.detection.interest import SECONDS_PER_DAY
from service.detection.profile import Profile
from service.identity import UserKeys
from service.problems import UnknownUser
from service.resources import Resources
from service.users import repository
from service.users.readable import readable_pending, readable_state
from service.wire import to_wire

MEMORY_BYTES = 1 << 20
"""A longer document goes through a file without a name, which is gone with the answer."""
CHUNK_BYTES = 1 << 18

Row = RowMapping


async def export(resources: Resources, session: ReadSession, user_id: str, domain: str) -> IO[bytes]:
    """The document, whole before anything of it is sent: it is of one moment, and no slow reader holds a connection.

    Returns:
        a file to read it from, which the caller closes.

    Raises:
        UnknownUser: nothing is held, not even a tombstone.
    """
    keys = resources.keys_of(domain, user_id)
    await as_of_one_moment(session)
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES))
        if not await _write(resources, session, file, user_id, keys):
            raise UnknownUser
        file.seek(0)
        stack.pop_all()  # whoever sends it closes it
        return file


async def chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """The content of the file, which is closed whatever becomes of who reads it."""
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
    finally:
        file.close()


async def _write(resources: Resources, session: ReadSession, file: IO[bytes], user_id: str, keys: UserKeys) -> bool:
    """Write the document; whether anything is held of the user."""
    head = {"user_id": user_id, "domain": keys.domain, "exported_at": datetime.now(UTC), "tables": {}}
    file.write(orjson.dumps(head).removesuffix(b"}}"))
    written = 0
    for position, table in enumerate(repository.EXPORTED):
        file.write(b"," * bool(position) + orjson.dumps(table.__tablename__) + b":[")
        first = True
        async for page in repository.pages(session, table, keys):
            # In a thread: ten thousand vectors as text take longer than other requests should wait.
            await asyncio.to_thread(_write_page, resources, file, page, first=first)
            first, written = False, written + len(page)
        file.write(b"]")
    file.write(b"}}")
    return written > 0


def _write_page(resources: Resources, file: IO[bytes], page: Sequence[Row], *, first: bool) -> None:
    shown = b",".join(orjson.dumps(_shown(resources, row)) for row in page)
    file.write(shown if first else b"," + shown)


def _shown(resources: Resources, row: Row) -> dict[str, Any]:
    """A row by column, each value in a form that says most: vectors as numbers, the state by its parts."""
    return {name: _SHOWN.get(name, _plain)(resources, row, value) for name, value in row.items()}


def _plain(_resources: Resources, _row: Row, value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value) if isinstance(value, UUID) else value  # the driver's own kind of it is not known to orjson


def _key(_resources: Resources, _row: Row, value: bytes) -> str:
    return value.hex()


def _vector(_resources: Resources, _row: Row, value: bytes | None) -> list[float] | str | None:
    return None if value is None else to_wire(np.frombuffer(value, "<f4"), "float")


def _codes(_resources: Resources, row: Row, value: bytes) -> list[float] | str:
    return to_wire(np.frombuffer(value, np.int8) * np.float32(row["scale"]), "float")


def _response(_resources: Resources, _row: Row, value: bytes) -> object:
    return orjson.loads(zlib.decompress(value))


def _judged_by(resources: Resources, row: Row) -> Profile | None:
    profile = resources.profile
    return profile if profile is not None and row["profile_id"] == profile.id else None


def _pending(resources: Resources, row: Row, value: bytes | None) -> dict[str, Any] | None:
    return readable_pending(value, _judged_by(resources, row), dim=resources.encoder.info.dim)


def _state(resources: Resources, row: Row, value: bytes | None) -> dict[str, Any] | None:
    judged_by = _judged_by(resources, row)
    return readable_state(value, judged_by, half_life=resources.settings.half_life_days * SECONDS_PER_DAY)


_SHOWN: dict[str, Callable[[Resources, Row, Any], object]] = {
    "user_key": _key,
    "state": _state,
    "pending": _pending,
    "response": _response,
    "codes": _codes,
    "z": _vector,
    "z_previous": _vector,
}
"""Columns that are shown otherwise than as they are."""

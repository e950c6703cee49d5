"""The present interest, its history, and erasure."""

import re
from datetime import UTC, datetime

from service.database.sessions import ReadSession, WriteSession, as_of_one_moment
from service.identity import UserKeys
from service.problems import FieldError, InvalidRequest, UnknownUser
from service.releases import service as releases
from service.resources import Resources
from service.snapshots import repository as snapshots
from service.snapshots.schemas import Snapshot, SnapshotPage
from service.users import repository
from service.users.schemas import CURSOR_PATTERN, CURSOR_PREFIX, HistoryQuery, InterestQuery


async def interest(resources: Resources, session: ReadSession, user_id: str, query: InterestQuery) -> Snapshot:
    """The latest snapshot.

    Raises:
        UnknownUser: there is none.
        PrivacyBudgetSpent: vectors leave with noise, and no more of this user's may leave now.
    """
    key = await _held_under(session, resources.keys_of(query.domain, user_id))
    row = await snapshots.latest(session, query.domain, key)
    if row is None:
        raise UnknownUser
    (told,) = await releases.snapshots_of(resources, session, [row], query.vectors)
    return told


async def history(resources: Resources, session: ReadSession, user_id: str, query: HistoryQuery) -> SnapshotPage:
    """A page of snapshots, newest first.

    Raises:
        UnknownUser: the user has no snapshot at all.
        InvalidRequest: a cursor that this service did not make.
        PrivacyBudgetSpent: vectors leave with noise, and not all of this page's may leave now.
    """
    key = await _held_under(session, resources.keys_of(query.domain, user_id))
    rows = await snapshots.page(
        session,
        query.domain,
        key,
        limit=query.limit + 1,
        before=None if query.cursor is None else read_cursor(query.cursor),
        since=query.since,
        until=query.until,
        changes_only=query.mutated_only,
    )
    if not rows and await snapshots.latest(session, query.domain, key) is None:
        raise UnknownUser
    shown = rows[: query.limit]
    return SnapshotPage(
        items=await releases.snapshots_of(resources, session, shown, query.vectors),
        next_cursor=make_cursor(shown[-1].sequence) if len(rows) > query.limit else None,
    )


async def erase(resources: Resources, session: WriteSession, user_id: str, domain: str) -> None:
    """Delete everything kept of the user in the domain, and leave a tombstone. A second time it is no error.

    Raises:
        UnknownUser: nothing is or ever was kept.
    """
    keys = resources.keys_of(domain, user_id)
    await repository.await_newcomer(session, keys)
    known = await repository.lock(session, keys)
    if not known and not await repository.is_erased(session, keys):
        raise UnknownUser
    # Also a second time: what was sent since must not bring the user back either.
    await repository.erase(session, keys, datetime.now(UTC))


async def _held_under(session: ReadSession, keys: UserKeys) -> bytes:
    """The key to read by. While users move between keys, what follows sees the same moment."""
    if not keys.others:
        return keys.present
    await as_of_one_moment(session)
    return await repository.held_under(session, keys)


def make_cursor(sequence: int) -> str:
    """A cursor to what comes before that sequence. Its form is in the document, so that no valid one is refused."""
    return f"{CURSOR_PREFIX}{sequence}"


def read_cursor(cursor: str) -> int:
    """The sequence that `make_cursor` was given.

    Raises:
        InvalidRequest: anything else.
    """
    if re.fullmatch(CURSOR_PATTERN, cursor) is None:
        remedy = "use next_cursor of the page before, unchanged, or leave it out"
        field = FieldError(field="cursor", message="is not a cursor of this service", remedy=remedy)
        raise InvalidRequest(errors=[field])
    return int(cursor.removeprefix(CURSOR_PREFIX))

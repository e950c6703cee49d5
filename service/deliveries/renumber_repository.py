"""SQL of the outbox in a database that was restored into another cluster.

Changes, cursors and webhooks hold numbers of transactions. A dump that is read into another cluster brings numbers
that its transactions have yet to come to: until then nothing new would be told, and much that is old would be told
again. So they are numbered anew, from 0, in the same order as far as it matters: what was before a cursor or a webhook
still is, and what was after it still is.
"""

from bisect import bisect_left

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from service.database.sessions import WriteSession
from service.database.tables import OutboxCursorRow, WebhookRow
from service.mutations.repository import LAST_POSITION

LOCK_KEY = 0x5E47EB
"""Key of the advisory lock under which it is done; see also `service.items.write_repository.SPACES_KEY`."""


async def renumber(session: WriteSession) -> bool:
    """Number the outbox anew if it is ahead of the cluster's transactions; whether it was.

    The new numbers are smaller than those of any transaction: a cluster is made with some hundreds, and there are no
    more numbers than cursors and webhooks.
    """
    if not await _is_ahead(session):
        return False
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    if not await _is_ahead(session):  # another replica was quicker
        return False
    await session.execute(text("SET LOCAL statement_timeout = 0"))
    cursors = (await session.scalars(select(OutboxCursorRow).with_for_update())).all()
    webhooks = (await session.scalars(select(WebhookRow).with_for_update())).all()
    read = {(cursor.xid, cursor.position) for cursor in cursors}
    places = sorted(read | {(webhook.since_xid, LAST_POSITION) for webhook in webhooks})
    await session.execute(_RENUMBER, {"xids": [xid for xid, _ in places], "positions": [place for _, place in places]})
    for cursor in cursors:
        cursor.xid, cursor.position = bisect_left(places, (cursor.xid, cursor.position)), LAST_POSITION
    for webhook in webhooks:
        webhook.since_xid = bisect_left(places, (webhook.since_xid, LAST_POSITION))
    return True


async def _is_ahead(session: WriteSession) -> bool:
    return bool((await session.execute(_IS_AHEAD)).scalar_one())


_IS_AHEAD = text(
    """
    SELECT coalesce(greatest(
        (SELECT max(xid) FROM mutations), (SELECT max(xid) FROM outbox_cursors), (SELECT max(since_xid) FROM webhooks)
    ) >= CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint), false)
    """
)
# Its number is how many places it comes after. A place's own is how many places it comes after, too, so that what comes
# after it has a higher one, and what does not has none that is higher.
_RENUMBER = text(
    """
    UPDATE mutations SET xid = (
        SELECT count(*) FROM unnest(:xids, :positions) AS place (xid, position)
        WHERE (place.xid, place.position) < (mutations.xid, mutations.position)
    )
    """
).bindparams(bindparam("xids", type_=ARRAY(BigInteger)), bindparam("positions", type_=ARRAY(BigInteger)))

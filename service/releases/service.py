"""Vectors with noise: each snapshot's once, and the same ever after, as far as the user's budget goes.

A release is a row: the vector as it left, and its cost. It is written, under the user's lock, before the vector is
sent. Sending it again costs nothing, for nothing new is said; noise made anew each time could be averaged away.
"""

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import numpy as np

from service import timing
from service.database.engine import is_away
from service.database.sessions import ReadSession
from service.database.tables import PrivacyReleaseRow, SnapshotRow
from service.detect.schemas import DetectResponse
from service.dp.mechanism import deviation_of
from service.dp.privacy import Privacy
from service.identity import UserKeys
from service.problems import PrivacyBudgetSpent
from service.releases import repository
from service.releases.repository import Ledger, Released
from service.releases.schemas import Withheld
from service.resources import Resources
from service.snapshots.convert import interest_of, snapshot_of
from service.snapshots.schemas import Interest, Snapshot
from service.users import repository as users
from service.wire import VectorFormat

DIGITS = 6
Wanted = Sequence[tuple[int, UUID]]
"""Sequences and ids of snapshots."""


class _NoRoom(Exception):  # noqa: N818 - no fault: an answer that callers tell in their own way
    """The budget has no room for what was asked."""

    def __init__(self, asked: int, left: int, ledger: Ledger, available_at: datetime | None) -> None:
        super().__init__()
        self.asked = asked
        self.left = left
        self.now = ledger.now
        self.available_at = available_at


async def snapshots_of(
    resources: Resources, session: ReadSession, rows: Sequence[SnapshotRow], encoding: VectorFormat | None
) -> list[Snapshot]:
    """Stored rows of one user as clients see them. With noise on, vectors are released first where they never were.

    Args:
        resources: of the app.
        session: that read the rows; its transaction is over where something is released.
        rows: of one user.
        encoding: of vectors; None for none.

    Raises:
        PrivacyBudgetSpent: not all of the vectors may leave now; none of them was released.
    """
    privacy = resources.privacy
    if privacy is None:
        return [snapshot_of(row, encoding) for row in rows]
    released = await _released(resources, privacy, session, rows) if encoding and rows else {}
    return [_noised(row, released.get(row.snapshot_id), encoding) for row in rows]


async def with_vectors(
    resources: Resources, privacy: Privacy, answer: DetectResponse, user_key: bytes, encoding: VectorFormat
) -> DetectResponse:
    """An answer to `POST /detect` with its snapshot's vectors, or with the reason why they are left out.

    What was decided is stored already and is told in any case.

    Args:
        resources: of the app.
        privacy: how vectors leave.
        answer: without vectors.
        user_key: of its user.
        encoding: of the vectors.
    """
    if answer.snapshot_id is None:
        return answer.model_copy(update={"withheld": Withheld(reason="not_stored")})
    wanted = [(answer.sequence, answer.snapshot_id)]
    try:
        with timing.phase("database"):
            released = await _release(resources, privacy, answer.domain, user_key, wanted)
    except _NoRoom as told:
        return answer.model_copy(update={"withheld": Withheld(reason="budget_spent", available_at=told.available_at)})
    except Exception as error:
        if not is_away(error):
            raise
        return answer.model_copy(update={"withheld": Withheld(reason="unavailable")})
    if answer.snapshot_id not in released:  # erased meanwhile
        return answer.model_copy(update={"withheld": Withheld(reason="not_stored")})
    return answer.model_copy(update={"interest": _interest(released[answer.snapshot_id], encoding)})


async def _released(
    resources: Resources, privacy: Privacy, session: ReadSession, rows: Sequence[SnapshotRow]
) -> dict[UUID, Released]:
    domain, user_key = rows[0].domain, rows[0].user_key
    held = await repository.released(session, domain, user_key, [row.sequence for row in rows])
    if all(row.snapshot_id in held for row in rows):
        return held
    # A request that waited for a second connection with one in hand could wait for others that do the same.
    await session.commit()
    wanted = [(row.sequence, row.snapshot_id) for row in rows]
    try:
        return await _release(resources, privacy, domain, user_key, wanted)
    except _NoRoom as told:
        raise _problem(told) from None


async def _release(
    resources: Resources, privacy: Privacy, domain: str, user_key: bytes, wanted: Wanted
) -> dict[UUID, Released]:
    """Those of the wanted snapshots that are stored, each released now or before: all, or none.

    Raises:
        _NoRoom: the new ones do not fit the budget.
    """
    async with resources.write_sessions.begin() as session:
        # The lock first, the ledger in a statement after it: one statement would see the ledger as it was before it
        # waited, and two replicas could spend the same.
        if not await users.lock(session, UserKeys(domain, user_key, key_id="")):
            return {}
        new = await repository.unreleased(session, domain, user_key, wanted)
        if new:
            ledger = await repository.ledger(session, domain, user_key, privacy.budget.period)
            if not privacy.budget.fits(ledger.spent, len(new)):
                raise _no_room(privacy, ledger, len(new))
            made = await asyncio.to_thread(_make, privacy, new, ledger.now)
            await repository.add(session, made)
        return await repository.released(session, domain, user_key, [sequence for sequence, _ in wanted])


def _make(privacy: Privacy, rows: Sequence[SnapshotRow], now: datetime) -> list[PrivacyReleaseRow]:
    return [
        PrivacyReleaseRow(
            domain=row.domain,
            user_key=row.user_key,
            sequence=row.sequence,
            snapshot_id=row.snapshot_id,
            model_digest=row.model_digest,
            released_at=now,
            cost=privacy.budget.cost,
            z=privacy.mechanism.release(np.frombuffer(row.z, "<f4")).astype("<f4").tobytes(),
        )
        for row in rows
    ]


def _no_room(privacy: Privacy, ledger: Ledger, asked: int) -> _NoRoom:
    budget = privacy.budget
    # More than a whole period's budget never fits: then the question is when anything does.
    available_at = budget.renews(ledger.spent, asked) or budget.renews(ledger.spent)
    return _NoRoom(asked, budget.left(ledger.spent), ledger, available_at)


def _problem(told: _NoRoom) -> PrivacyBudgetSpent:
    if told.available_at is None:
        when, seconds = "", 1
    else:
        when = f", more from {told.available_at.isoformat(timespec='seconds')} on"
        seconds = math.ceil((told.available_at - told.now).total_seconds())
    return PrivacyBudgetSpent(
        f"This takes {told.asked} new vectors of this user, and the privacy budget has room for {told.left} now{when}. "
        "Leave include=vectors out, or ask for fewer snapshots; vectors that left before cost nothing.",
        retry_after=seconds,
    )


def _noised(row: SnapshotRow, released: Released | None, encoding: VectorFormat | None) -> Snapshot:
    """A stored row with nothing in it that is made of exact vectors."""
    interest = _interest(released, encoding) if released and encoding else None
    return snapshot_of(row, None).model_copy(update={"scores": None, "interest": interest})


def _interest(released: Released, encoding: VectorFormat) -> Interest:
    """Everything about the vectors is made of the noisy ones, which costs nothing more."""
    previous = None if released.previous is None else np.frombuffer(released.previous, "<f4")
    told = interest_of(np.frombuffer(released.z, "<f4"), previous, encoding)
    return told.model_copy(update={"noise": round(deviation_of(released.cost), DIGITS)})

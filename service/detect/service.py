"""Detection for one user and for many: check, encode, then one transaction a user."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from pydantic import ValidationError

from service.database.sessions import ReadSession, WriteSession
from service.database.tables import UserStateRow
from service.detect import repository
from service.detect.answer import Answers
from service.detect.decide import Decision, Stored, Taken, decide, restore
from service.detect.incoming import Incoming, check
from service.detect.repository import User
from service.detect.schemas import BatchItem, DetectRequest, DetectResponse, Rejected
from service.detection import codec
from service.detection.detector import Rule
from service.identity import user_key
from service.problem_handlers import field_error
from service.problems import InvalidRequest, Problem
from service.resources import Resources, detector_params
from service.snapshots import repository as snapshots

ERASED = "the user was erased after this behaviour occurred"
INLINE_BEHAVIORS = 32
"""More than that are judged in a thread, so that the event loop goes on answering others."""


async def detect(resources: Resources, request: DetectRequest) -> DetectResponse:
    """Take one user's behaviours in and decide.

    Raises:
        InvalidRequest: naming the fields at fault; nothing is stored.
        EncoderSaturatedError: no room to encode; nothing is stored.
    """
    behaviors = check_request(resources, request)
    (encoded,) = await encode(resources, [behaviors])
    return await judge(resources, request, encoded)


async def detect_batch(resources: Resources, requests: Sequence[object]) -> list[BatchItem]:
    """The same for many users: a result or a problem for each, in order.

    Args:
        resources: of the app.
        requests: each a `DetectRequest` as it came, not yet validated.
    """
    parsed: list[tuple[DetectRequest, list[Incoming]] | Problem] = []
    for item in requests:
        try:
            request = DetectRequest.model_validate(item)
            parsed.append((request, check_request(resources, request)))
        except ValidationError as error:
            parsed.append(InvalidRequest(errors=[field_error(e, "application/json") for e in error.errors()[:100]]))
        except InvalidRequest as problem:
            parsed.append(problem)
    good = [entry for entry in parsed if not isinstance(entry, Problem)]
    encoded = iter(await encode(resources, [behaviors for _, behaviors in good]))
    items = []
    for entry in parsed:
        if isinstance(entry, Problem):
            items.append(BatchItem(problem=entry.details()))
        else:
            items.append(BatchItem(result=await judge(resources, entry[0], next(encoded))))
    return items


def check_request(resources: Resources, request: DetectRequest) -> list[Incoming]:
    """The request's behaviours, checked.

    Raises:
        InvalidRequest: naming the fields at fault.
    """
    return check(
        request,
        weights=resources.settings.behavior_weights,
        dim=resources.encoder.info.dim,
        now=datetime.now(UTC),
    )


async def encode(resources: Resources, groups: Sequence[list[Incoming]]) -> list[list[Incoming]]:
    """Give every behaviour its vector; texts of all groups are encoded together."""
    texts = [b.text for group in groups for b in group if b.text is not None]
    vectors, truncated = await _vectors(resources, texts)
    at = iter(zip(vectors, truncated, strict=True))
    result = []
    for group in groups:
        filled = []
        for behavior in group:
            if behavior.text is None:
                filled.append(behavior)
            else:
                vector, cut = next(at)
                filled.append(replace(behavior, vector=vector, truncated=bool(cut)))
        result.append(filled)
    return result


async def _vectors(resources: Resources, texts: list[str]) -> tuple[list[np.ndarray], list[bool]]:
    vectors: list[np.ndarray] = []
    truncated: list[bool] = []
    chunk = resources.settings.encoder_capacity_texts
    for start in range(0, len(texts), chunk):
        some = texts[start : start + chunk]
        with resources.encoder.admit(len(some)) as permit:
            encoded = await resources.encoder.encode(some, permit)
        vectors += list(encoded.vectors)
        truncated += encoded.truncated.tolist()
    return vectors, truncated


async def judge(resources: Resources, request: DetectRequest, behaviors: list[Incoming]) -> DetectResponse:
    """Decide on encoded behaviours in one transaction, committed before this returns."""
    user = User(request.domain, user_key(resources.user_key_secret, request.domain, request.user_id))
    judging = Judging(resources, request, user, behaviors)
    if request.options.persist:
        async with resources.write_sessions() as session:
            response = await judging.write(session)
            await session.commit()
            return response
    async with resources.read_sessions() as session:
        return await judging.read(session)


class Judging:
    """One request on its way through the database."""

    def __init__(self, resources: Resources, request: DetectRequest, user: User, behaviors: list[Incoming]) -> None:
        self.resources = resources
        self.request = request
        self.user = user
        self.behaviors = behaviors
        self.params = detector_params(resources.settings, resources.encoder.info.dim, resources.profile)
        self.rule = Rule(request.options.detector, request.options.threshold)
        self.rejected: list[Rejected] = []

    async def write(self, session: WriteSession) -> DetectResponse:
        """Lock the user, take in what is new, store state and snapshots."""
        row = await repository.lock_state(session, self.user)
        candidates = self._after_erasure(await repository.deleted_at(session, self.user))
        events = [(b.event_id, b.occurred_at) for b in candidates.values()]
        fresh = await repository.record_events(session, self.user, events) if events else set()
        new = [candidates[event_id] for event_id in candidates if event_id in fresh]
        if not new:
            answer = self._answers().unchanged(await snapshots.latest(session, *_keys(self.user)))
            await session.rollback()  # leaves no empty state behind for a user with nothing in it
            return answer
        stored = self._restore(row)
        decision = await self._decide(stored, new)
        info = self.resources.encoder.info
        await repository.save(
            session,
            self.user,
            {
                "state": codec.encode(decision.stored.state),
                "space": info.space,
                "profile_id": self.resources.profile.id if self.resources.profile else None,
                "sequence": decision.stored.sequence,
                "recent_events": [[event_id, time.isoformat()] for event_id, time in decision.stored.recent],
            },
            [self._row(taken) for taken in decision.taken],
        )
        return self._answers().decided(decision, accepted=len(new), stored=True, sequence=decision.stored.sequence)

    async def read(self, session: ReadSession) -> DetectResponse:
        """Decide on the stored state as if the behaviours were taken in, and write nothing."""
        row = await repository.read_state(session, self.user)
        candidates = self._after_erasure(await repository.deleted_at(session, self.user))
        seen = await repository.seen_events(session, self.user, list(candidates)) if candidates else set()
        new = [behavior for event_id, behavior in candidates.items() if event_id not in seen]
        if not new:
            return self._answers().unchanged(await snapshots.latest(session, *_keys(self.user)))
        decision = await self._decide(self._restore(row), new)
        return self._answers().decided(decision, accepted=len(new), stored=False, sequence=row.sequence if row else 0)

    def _after_erasure(self, deleted_at: datetime | None) -> dict[str, Incoming]:
        """Behaviours by id, the first of each, less those from before the user was erased."""
        candidates: dict[str, Incoming] = {}
        for behavior in self.behaviors:
            if deleted_at is not None and behavior.occurred_at <= deleted_at:
                self.rejected.append(Rejected(event_id=behavior.event_id, reason=ERASED))
            else:
                candidates.setdefault(behavior.event_id, behavior)
        return candidates

    def _restore(self, row: UserStateRow | None) -> Stored:
        if row is None:
            return Stored(self.params.empty(), (), 0)
        profile = self.resources.profile
        return restore(
            row.state,
            self.params,
            same_space=row.space == self.resources.encoder.info.space,
            same_profile=row.profile_id == (profile.id if profile else None),
            recent=[(event_id, datetime.fromisoformat(time)) for event_id, time in row.recent_events],
            sequence=row.sequence,
        )

    async def _decide(self, stored: Stored, new: list[Incoming]) -> Decision:
        if len(new) <= INLINE_BEHAVIORS:
            return decide(self.params, stored, new, self.rule)
        return await asyncio.to_thread(decide, self.params, stored, new, self.rule)

    def _answers(self) -> Answers:
        return Answers(
            request=self.request,
            model=self.resources.encoder.info,
            profile_id=self.resources.profile.id if self.resources.profile else None,
            received=self.behaviors,
            rejected=self.rejected,
        )

    def _row(self, taken: Taken) -> dict[str, object]:
        """A snapshot by column name."""
        previous = taken.result.z_previous
        return {
            "sequence": taken.sequence,
            "snapshot_id": taken.snapshot_id,
            "taken_at": datetime.now(UTC),
            "taken_for": taken.taken_for,
            "as_of": taken.as_of,
            "behaviors": taken.result.position + 1,
            "status": taken.result.status,
            "mutated": taken.mutated,
            "change": taken.change.model_dump(mode="json"),
            "scores": taken.scores.model_dump(mode="json"),
            "topics": [item.model_dump(mode="json") for item in taken.topics],
            "z": taken.result.z.astype("<f4").tobytes(),
            "z_previous": None if previous is None else previous.astype("<f4").tobytes(),
            "model_digest": self.resources.encoder.info.digest,
            "profile_id": self.resources.profile.id if self.resources.profile else None,
        }


def _keys(user: User) -> tuple[str, bytes]:
    return user.domain, user.key

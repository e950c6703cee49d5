"""Detection for one user and for many: check, encode, then one transaction a user."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import orjson
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from service import timing
from service.connected import connected
from service.database.sessions import ReadSession
from service.detect import repository
from service.detect.answer import Answers
from service.detect.decide import Decision, Stored, Taken, decide, restore
from service.detect.incoming import Incoming, check
from service.detect.repository import Known, NewMutation, NewSnapshot, SeenEvent, SeenItem, Update, User, Version
from service.detect.schemas import BatchItem, DetectRequest, DetectResponse, Rejected
from service.detect.tally import count_decision
from service.detection import codec, pending_codec
from service.detection.rules import Rule
from service.encoding import encode_texts
from service.idempotency import repository as records
from service.idempotency.record import Claim, Record
from service.identity import UserKeys
from service.populations.schemas import PopulationShift
from service.problem_handlers import field_error
from service.problems import IdempotencyKeyInProgress, InvalidRequest, Problem
from service.releases import service as releases
from service.releases.schemas import Withheld
from service.resources import Resources
from service.sealing import seal
from service.snapshots import repository as snapshots
from service.snapshots.convert import differences_of
from service.users import repository as users
from service.vectors import Vectors
from service.wire import MAX_BEHAVIORS

ERASED = "the user was erased after this behaviour occurred"
INLINE_BEHAVIORS = 128
"""More than that, some milliseconds' work, are judged in a thread, so that the event loop goes on answering others. A
thread takes turns with the loop at the interpreter's lock: for fewer that costs a third of the throughput."""
UNLOCKED_TRIES = 2
"""How often a request tries to save without having locked the user."""


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
        requests: each as it came; see `parse_request`.
    """
    parsed: list[tuple[DetectRequest, list[Incoming]] | Problem] = []
    for item in requests:
        try:
            request = parse_request(item)
            parsed.append((request, check_request(resources, request)))
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


def parse_request(item: object) -> DetectRequest:
    """A request in a batch.

    Args:
        item: a `DetectRequest` as it came, not yet validated, or what was found wrong with it before.

    Raises:
        InvalidRequest: it breaks the contract.
    """
    if isinstance(item, InvalidRequest):
        raise item
    try:
        return DetectRequest.model_validate(item)
    except ValidationError as error:
        found = error.errors()[:100]
        raise InvalidRequest(errors=[field_error(entry, "application/json") for entry in found]) from None


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
    written = [behavior for group in groups for behavior in group if behavior.text is not None]
    encoded = list[Incoming]()
    for start in range(0, len(written), MAX_BEHAVIORS):
        encoded += await _encode_some(resources, written[start : start + MAX_BEHAVIORS])
    at = iter(encoded)
    return [[behavior if behavior.text is None else next(at) for behavior in group] for group in groups]


async def _encode_some(resources: Resources, behaviors: Sequence[Incoming]) -> list[Incoming]:
    texts = [behavior.text or "" for behavior in behaviors]
    about_items = [text for text, behavior in zip(texts, behaviors, strict=True) if behavior.item_id is not None]
    known: Mapping[str, Vectors] = {}
    if about_items:
        # A saturated service refuses before it asks the database; while it asks, it keeps nobody from the encoder.
        with resources.encoder.admit(len(texts)):
            pass
        known = await _catalogued(resources, list(dict.fromkeys(about_items)))
    filled = list(behaviors)
    for place, text in enumerate(texts):
        if text in known:
            filled[place] = behaviors[place].with_vector(known[text], truncated=False)
    rest = [place for place, text in enumerate(texts) if text not in known]
    if rest:
        encoded = await encode_texts(resources.encoder, [texts[place] for place in rest])
        for place, vector, cut in zip(rest, encoded.vectors, encoded.truncated, strict=True):
            filled[place] = behaviors[place].with_vector(vector, truncated=bool(cut))
    return filled


async def _catalogued(resources: Resources, texts: Sequence[str]) -> Mapping[str, Vectors]:
    """Vectors that the catalogue has, of those of the items' texts that the encoder would have to run for."""
    known = resources.known_vectors
    missing = [text for text, held in zip(texts, resources.encoder.cached(texts), strict=True) if not held]
    found = {text: vector for text in missing if (vector := known.kept(text)) is not None}
    asked = [text for text in missing if text not in found and known.worth_asking(text)]
    if asked:
        async with connected(resources) as connection:
            with timing.phase("database"):
                found |= await known.look_up(connection, asked)
    return found


async def judge(resources: Resources, request: DetectRequest, behaviors: list[Incoming]) -> DetectResponse:
    """Decide on encoded behaviours. What comes of them is stored in one transaction, committed before this returns."""
    keys = resources.keys_of(request.domain, request.user_id)
    judging = Judging(resources, request, keys, behaviors)
    answer = await (judging.write() if request.options.persist else judging.read())
    took_in(resources, answer, stored=request.options.persist)
    return await released(resources, request, judging.user.key, answer)


def took_in(resources: Resources, answer: DetectResponse, *, stored: bool) -> None:
    """Tell those who count of an answer, after its transaction."""
    count_decision(resources.metrics, answer, stored=stored)
    if stored and answer.mutated:
        resources.populations.notice(answer.domain)


async def released(
    resources: Resources, request: DetectRequest, user_key: bytes, answer: DetectResponse
) -> DetectResponse:
    """The answer as it may leave the service: where vectors leave with noise, with those, and no exact figure."""
    if resources.privacy is None:
        return answer
    # An answer that is given again may have been recorded before there was noise.
    answer = answer.model_copy(update={"interest": None, "scores": None})
    if "vectors" not in request.options.include:
        return answer
    if not request.options.persist:  # a release is written down
        return answer.model_copy(update={"withheld": Withheld(reason="not_stored")})
    return await releases.with_vectors(resources, resources.privacy, answer, user_key, request.options.encoding_format)


class Judging:
    """One request on its way through the database."""

    def __init__(self, resources: Resources, request: DetectRequest, keys: UserKeys, behaviors: list[Incoming]) -> None:
        self.resources = resources
        self.request = request
        self.keys = keys
        self.user = User(keys.domain, keys.present, keys.key_id)
        self.behaviors = behaviors
        self.params = resources.params
        self.rule = Rule(request.options.detector, request.options.threshold)
        self.ids = list(dict.fromkeys(behavior.event_id for behavior in behaviors))

    async def write(self) -> DetectResponse:
        """Take in what is new, store state and snapshots.

        Without a lock at first: the state is saved only if it is still the one that was read. A user who is new, or
        whom others keep writing for, is locked, so that each request waits its turn and none starves.
        """
        async with connected(self.resources) as connection:
            for _ in range(UNLOCKED_TRIES):
                known = await self._read(connection)
                if known.version is None:
                    break
                stored = self._restore(known)
                new, rejected = self._sort_out(known, stored)
                if not new:
                    return await self._unchanged(connection, stored, rejected)
                decision = await self._decide(stored, new)
                if await self._save(connection, known.version, decision, new):
                    return self._answers(rejected).stored(decision, accepted=len(new))
        return await self._write_locked()

    async def read(self) -> DetectResponse:
        """Decide on the stored state as if the behaviours were taken in, and write nothing."""
        rotating = bool(self.keys.others)
        async with connected(self.resources, transaction=rotating) as connection:
            if rotating:  # read where the user is; only who writes moves anybody
                await connection.execution_options(isolation_level="REPEATABLE READ")
                self.user = replace(self.user, key=await users.held_under(connection, self.keys))
            known = await self._read(connection)
            stored = self._restore(known)
            new, rejected = self._sort_out(known, stored)
            if not new:
                return await self._unchanged(connection, stored, rejected)
        latest = known.version.sequence if known.version else 0
        return self._answers(rejected).tried(await self._decide(stored, new), accepted=len(new), latest=latest)

    async def write_once(self, claim: Claim, expires_at: datetime) -> DetectResponse | Record:
        """The same in one transaction with a record of it, unless there is one already: then that is the answer.

        Nothing is recorded about a user of whom nothing is kept; asking again gives the same then.

        Args:
            claim: what is to be carried out once.
            expires_at: until when the record is kept.

        Raises:
            IdempotencyKeyInProgress: another replica is carrying the same out.
        """
        async with connected(self.resources, transaction=True) as connection:
            with timing.phase("database"):
                if not await records.try_lock(connection, claim):
                    raise IdempotencyKeyInProgress
                await users.bring(connection, self.keys)  # with the records that are kept of the user
                kept = await records.find(connection, [claim], datetime.now(UTC))
            if claim in kept:
                await connection.commit()  # where the user was brought, there the answer's vectors are looked for
                return kept[claim]
            answer, known = await self._write_in_turn(connection)
            if known:
                response = answer.model_dump_json(exclude={"user_id"}).encode()
                with timing.phase("database"):
                    await records.store(connection, claim, response, expires_at)
                    await connection.commit()
            return answer

    async def _write_locked(self) -> DetectResponse:
        async with connected(self.resources, transaction=True) as connection:
            with timing.phase("database"):
                await users.bring(connection, self.keys)
            answer, known = await self._write_in_turn(connection)
            if known:
                with timing.phase("database"):
                    await connection.commit()
            return answer

    async def _write_in_turn(self, connection: AsyncConnection) -> tuple[DetectResponse, bool]:
        """Take in what is new once nobody else does, in a transaction that is not committed yet.

        The user has been brought under the present key.

        Returns:
            the answer, and whether anything is kept of the user. Where nothing is, the transaction is to be rolled
            back: no empty state stays behind for a user with nothing in it.
        """
        with timing.phase("database"):
            await repository.lock(connection, self.user)
        known = await self._read(connection)
        if known.version is None:
            raise RuntimeError("a state is gone under its lock")
        stored = self._restore(known)
        new, rejected = self._sort_out(known, stored)
        if not new:
            return await self._unchanged(connection, stored, rejected), known.version.sequence > 0
        decision = await self._decide(stored, new)
        if not await self._save(connection, known.version, decision, new):
            raise RuntimeError("a state was altered under its lock")
        return self._answers(rejected).stored(decision, accepted=len(new)), True

    async def _read(self, connection: AsyncConnection) -> Known:
        with timing.phase("database"):
            return await repository.read(connection, self.user, self.ids)

    async def _unchanged(self, connection: AsyncConnection, stored: Stored, rejected: list[Rejected]) -> DetectResponse:
        with timing.phase("database"):
            async with ReadSession(bind=connection) as session:
                latest = await snapshots.latest(session, self.user.domain, self.user.key)
        return self._answers(rejected).unchanged(latest, stored)

    def _sort_out(self, known: Known, stored: Stored) -> tuple[list[Incoming], list[Rejected]]:
        """The new behaviours, the first of each id, and those from before the user was erased."""
        # Those whose order is still open are known by themselves: retention may have forgotten their ids.
        seen = known.seen | {entry.event_id for entry in stored.window.pending}
        new, rejected = dict[str, Incoming](), list[Rejected]()
        for behavior in self.behaviors:
            if known.deleted_at is not None and behavior.occurred_at <= known.deleted_at:
                rejected.append(Rejected(event_id=behavior.event_id, reason=ERASED))
            elif behavior.event_id not in seen:
                new.setdefault(behavior.event_id, behavior)
        return list(new.values()), rejected

    async def _decide(self, stored: Stored, new: list[Incoming]) -> Decision:
        if len(stored.window.pending) + len(new) <= INLINE_BEHAVIORS:
            return self._decide_now(stored, new)
        return await asyncio.to_thread(self._decide_now, stored, new)

    def _decide_now(self, stored: Stored, new: list[Incoming]) -> Decision:
        settings = self.resources.settings
        with timing.phase("detect"):
            return decide(
                self.params,
                stored,
                new,
                self.rule,
                length=timedelta(seconds=settings.reorder_window_seconds),
                memory=settings.memory_behaviors,
                space=self.resources.encoder.info.space,
                topics=self.resources.known_topics,
            )

    def _restore(self, known: Known) -> Stored:
        profile = self.resources.profile
        with timing.phase("detect"):
            return restore(
                known.state,
                known.pending,
                self.params,
                same_space=known.space == self.resources.encoder.info.space,
                same_profile=known.profile_id == (profile.id if profile else None),
                recent=[(event_id, datetime.fromisoformat(time)) for event_id, time in known.recent_events],
                sequence=known.version.sequence if known.version else 0,
                since=known.since,
            )

    async def _save(
        self, connection: AsyncConnection, version: Version, decision: Decision, new: list[Incoming]
    ) -> bool:
        update = Update(
            was=version,
            state=codec.encode(decision.stored.window.base),
            pending=pending_codec.encode(decision.stored.window.pending),
            space=self.resources.encoder.info.space,
            profile_id=self._profile_id,
            sequence=decision.stored.sequence,
            recent_events=orjson.dumps(decision.stored.recent).decode(),
            since=decision.stored.since,
            events=[SeenEvent(behavior.event_id, behavior.occurred_at) for behavior in new],
            snapshots=[self._snapshot(taken) for taken in decision.taken],
            mutations=[self._mutation(taken) for taken in decision.taken if taken.taken_for == "change"],
            remembered=decision.remembered,
            seen_items=_seen_items(new),
        )
        with timing.phase("database"):
            return await repository.save(connection, self.user, update)

    def _answers(self, rejected: list[Rejected]) -> Answers:
        return Answers(
            request=self.request,
            model=self.resources.encoder.info,
            profile_id=self._profile_id,
            received=self.behaviors,
            rejected=rejected,
            params=self.params,
            exact=self.resources.privacy is None,
            shift_of=partial(self.resources.populations.shift_of, self.user.domain),
        )

    @property
    def _profile_id(self) -> str | None:
        return self.resources.profile.id if self.resources.profile else None

    def _mutation(self, taken: Taken) -> NewMutation:
        change = taken.result.change
        if change is None or taken.change.changed_at is None:
            raise ValueError("a snapshot for a change without one")
        shift = self.resources.populations.shift_of(self.user.domain, [item.topic for item in change.gained])
        return NewMutation(
            sequence=taken.sequence,
            mutation_id=taken.snapshot_id,
            changed_at=taken.change.changed_at,
            kind=change.kind,
            change=taken.change.model_dump_json(),
            gained=_json(differences_of(change.gained)),
            lost=_json(differences_of(change.lost)),
            profile_id=self._profile_id,
            sealed=seal(self.resources.user_key_secret, self.request.user_id, about=taken.snapshot_id.bytes),
            population=None if shift is None else PopulationShift.of(shift).model_dump_json(),
        )

    def _snapshot(self, taken: Taken) -> NewSnapshot:
        previous = taken.result.z_previous
        return NewSnapshot(
            sequence=taken.sequence,
            snapshot_id=taken.snapshot_id,
            taken_at=datetime.now(UTC),
            taken_for=taken.taken_for,
            as_of=taken.as_of,
            behaviors=taken.result.position + 1,
            status=taken.result.status,
            mutated=taken.mutated,
            change=taken.change.model_dump_json(),
            scores=taken.scores.model_dump_json(),
            topics=_json(taken.topics),
            z=taken.result.z.astype("<f4").tobytes(),
            z_previous=None if previous is None else previous.astype("<f4").tobytes(),
            model_digest=self.resources.encoder.info.digest,
            profile_id=self._profile_id,
        )


def _seen_items(behaviors: Sequence[Incoming]) -> list[SeenItem]:
    """The items that the behaviours were about, each once, with the latest and the first time."""
    times = defaultdict[str, list[datetime]](list)
    for behavior in behaviors:
        if behavior.item_id is not None:
            times[behavior.item_id].append(behavior.occurred_at)
    return [SeenItem(item_id, seen_at=max(seen), first_seen_at=min(seen)) for item_id, seen in times.items()]


def _json(items: Sequence[BaseModel]) -> str:
    return orjson.dumps([item.model_dump() for item in items]).decode()

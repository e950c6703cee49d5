"""`POST /detect` and `POST /detect/batch` under an `Idempotency-Key`: carried out once, answered alike ever after."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from service import timing
from service.connected import connected
from service.detect.incoming import Incoming
from service.detect.schemas import BatchItem, DetectRequest, DetectResponse
from service.detect.service import Judging, check_request, encode, judge, parse_request, released, took_in
from service.idempotency import repository
from service.idempotency.key import hash_of
from service.idempotency.record import Claim, Record, fingerprint, response_of
from service.problems import InvalidRequest, Problem
from service.resources import Resources


async def detect_once(resources: Resources, request: DetectRequest, key: str) -> tuple[DetectResponse, bool]:
    """Take one user's behaviours in and decide, once for all requests with this key.

    With `persist: false` nothing is written, so there is nothing to be done once: the key is without effect.

    Returns:
        the answer, and whether it was given before.

    Raises:
        InvalidRequest: naming the fields at fault; nothing is stored.
        IdempotencyKeyReused: the key came with another body before.
        IdempotencyKeyInProgress: the same request is being carried out.
        EncoderSaturatedError: no room to encode; nothing is stored.
    """
    part = _Part(request, _claim(resources, request, hash_of(key)))
    await _carry_out(resources, [part])
    if part.response is None:
        raise part.problem or RuntimeError("a request was neither answered nor refused")
    return part.response, part.replayed


async def detect_batch_once(resources: Resources, requests: Sequence[object], key: str) -> tuple[list[BatchItem], bool]:
    """The same for many users: each request is carried out once by itself, whatever becomes of the others.

    Args:
        resources: of the app.
        requests: each as it came; see `parse_request`.
        key: of the batch. With the place in the batch it names each request, so that a batch in which one was refused
            can be sent again with that one corrected.

    Returns:
        a result or a problem for each, in order, and whether every result was given before.
    """
    parts = [_parsed(resources, item, hash_of(key, place)) for place, item in enumerate(requests)]
    await _carry_out(resources, parts)
    results = [part for part in parts if part.response is not None]
    items = [
        BatchItem(result=part.response, problem=part.problem.details() if part.problem else None) for part in parts
    ]
    return items, bool(results) and all(part.replayed for part in results)


@dataclass(slots=True)
class _Part:
    """One request on its way.

    Attributes:
        request: None where it could not be read.
        claim: None where nothing is to be written.
        problem: why it was refused.
        response: the answer to it.
        replayed: whether that was given before.
    """

    request: DetectRequest | None
    claim: Claim | None = None
    problem: Problem | None = None
    response: DetectResponse | None = None
    replayed: bool = False

    @property
    def open(self) -> bool:
        """Whether it is still to be answered."""
        return self.problem is None and self.response is None

    @contextmanager
    def refused_by_problems(self) -> Iterator[None]:
        """A problem inside is the answer to this request alone."""
        try:
            yield
        except Problem as problem:
            self.problem = problem

    def replay(self, record: Record) -> None:
        """Answer as was answered before.

        Raises:
            IdempotencyKeyReused: that was another body.
        """
        if self.request is None or self.claim is None:
            raise RuntimeError("a record of a request that has none")
        told = orjson.loads(response_of(record, self.claim))
        self.response = DetectResponse.model_validate({"user_id": self.request.user_id} | told)
        self.replayed = True


def _parsed(resources: Resources, item: object, key_hash: bytes) -> _Part:
    try:
        request = parse_request(item)
    except InvalidRequest as problem:
        return _Part(None, problem=problem)
    return _Part(request, _claim(resources, request, key_hash))


def _claim(resources: Resources, request: DetectRequest, key_hash: bytes) -> Claim | None:
    if not request.options.persist:
        return None
    keys = resources.keys_of(request.domain, request.user_id)
    return Claim(request.domain, keys.present, key_hash, fingerprint(request))


async def _carry_out(resources: Resources, parts: Sequence[_Part]) -> None:
    """Answer or refuse each. Texts of those that were not answered before are encoded together."""
    with ExitStack() as entered:
        for part in parts:
            if part.claim is not None:
                with part.refused_by_problems():
                    entered.enter_context(resources.in_progress.entered(part.claim))
        await _replay(resources, [part for part in parts if part.open])
        groups = list[tuple[_Part, DetectRequest, list[Incoming]]]()
        for part in parts:
            if part.open and part.request is not None:
                with part.refused_by_problems():
                    groups.append((part, part.request, check_request(resources, part.request)))
        encoded = await encode(resources, [behaviors for _, _, behaviors in groups])
        for (part, request, _), behaviors in zip(groups, encoded, strict=True):
            await _judge(resources, part, request, behaviors)
        for part in parts:
            if part.response is not None and part.request is not None and part.claim is not None:
                part.response = await released(resources, part.request, part.claim.user_key, part.response)


async def _replay(resources: Resources, parts: Sequence[_Part]) -> None:
    """Answer those that were carried out before."""
    claims = [part.claim for part in parts if part.claim is not None]
    if not claims:
        return
    async with connected(resources) as connection:
        with timing.phase("database"):
            found = await repository.find(connection, claims, datetime.now(UTC))
    for part in parts:
        if part.claim in found:
            with part.refused_by_problems():
                part.replay(found[part.claim])


async def _judge(resources: Resources, part: _Part, request: DetectRequest, behaviors: list[Incoming]) -> None:
    if part.claim is None:
        part.response = await judge(resources, request, behaviors)
        return
    judging = Judging(resources, request, resources.keys_of(request.domain, request.user_id), behaviors)
    expires_at = datetime.now(UTC) + timedelta(hours=resources.settings.idempotency_hours)
    with part.refused_by_problems():
        answer = await judging.write_once(part.claim, expires_at)
        if isinstance(answer, Record):
            part.replay(answer)
        else:
            took_in(resources, answer, stored=True)
            part.response = answer

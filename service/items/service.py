"""The catalogue as clients see it."""

from service.database.sessions import ReadSession, WriteSession
from service.item_topics import item_topics
from service.items import progress_repository, write_repository
from service.items.halves import decode
from service.items.incoming import check
from service.items.schemas import (
    CatalogueItem,
    EncodingState,
    ItemQuery,
    ItemsProgress,
    PutItemsRequest,
    PutItemsResponse,
    SpaceProgress,
)
from service.items.worker import UNSEEN_S
from service.problems import UnknownItem
from service.resources import Resources
from service.wire import to_wire


async def put(resources: Resources, request: PutItemsRequest) -> PutItemsResponse:
    """Store items, in one transaction. Those with an embedding can be recommended at once.

    Raises:
        InvalidRequest: naming every field at fault; nothing is stored.
    """
    model = resources.encoder.info
    items = check(request.items, model.dim)
    domain, ids = request.domain, [item.item_id for item in items]
    given = [item for item in items if item.vector is not None]
    async with resources.turns, resources.write_sessions.begin() as session:
        await write_repository.share_spaces(session)
        changed = await write_repository.put(session, domain, items)
        if changed:
            await write_repository.carry_over(session, domain, sorted(changed))
        if given:
            await write_repository.put_vectors(session, domain, model.space, given)
        if changed:
            await write_repository.settle(session, domain, sorted(changed))
        pending = await write_repository.enqueue(session, domain, ids, model.space)
    if pending:
        resources.items_waiting.set()
    return PutItemsResponse(domain=domain, accepted=len(changed), unchanged=len(items) - len(changed), pending=pending)


async def get(resources: Resources, session: ReadSession, item_id: str, query: ItemQuery) -> CatalogueItem:
    """One item.

    Raises:
        UnknownItem: it is not in the domain's catalogue, or has expired.
    """
    model = resources.encoder.info
    wanted = bool({"vectors", "topics"} & {*query.include})
    row = await progress_repository.find(session, query.domain, item_id, model.space, vector=wanted)
    if row is None:
        raise UnknownItem
    state = _state(current=bool(row.current), encodable=row.encodable, failure=row.failure)
    vector = None if row.vector is None else decode([row.vector], model.dim)[0]
    return CatalogueItem(
        item_id=row.item_id,
        domain=query.domain,
        text=row.text,
        category=row.category,
        attributes=row.attributes,
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        encoding=state,
        failure=row.failure if state == "failed" else None,
        vector=None if vector is None or "vectors" not in query.include else to_wire(vector, query.encoding_format),
        topics=None
        if vector is None or "topics" not in query.include
        else item_topics(resources.profile, vector[None])[0],
    )


async def progress(resources: Resources, session: ReadSession, domain: str) -> ItemsProgress:
    """How far the encoding of a domain's catalogue is."""
    model = resources.encoder.info
    counts = await progress_repository.count(session, domain, model.space)
    # A set that is being looked through, and lacks nothing, is not being made.
    re_encoding = counts.pending > 0 and await progress_repository.is_re_encoding(session, domain, model.space)
    others = await progress_repository.other_spaces(session, domain, model.space, UNSEEN_S)
    return ItemsProgress(
        domain=domain,
        model=model.id,
        space=model.space,
        items=counts.items,
        ready=counts.ready,
        pending=counts.pending,
        failed=counts.failed,
        stale=counts.stale,
        complete=counts.pending == 0,
        re_encoding=re_encoding,
        other_spaces=[
            SpaceProgress(model=other.model_id, space=other.space, vectors=other.vectors, live=other.live)
            for other in others
        ],
    )


async def delete(session: WriteSession, item_id: str, domain: str) -> None:
    """Take an item out of the catalogue, with its vectors.

    Raises:
        UnknownItem: it is not there.
    """
    if not await write_repository.delete(session, domain, item_id):
        raise UnknownItem


def _state(*, current: bool, encodable: bool, failure: str | None) -> EncodingState:
    if current:
        return "ready"
    if not encodable:
        return "stale"
    return "pending" if failure is None else "failed"

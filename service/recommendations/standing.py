"""Where a user stands: state, policy and memory, as everything here starts from."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from service import timing
from service.detect.decide import restore
from service.detection.reorder import present
from service.detection.state import State
from service.policy.convert import policy_of
from service.policy.memory import Memory, assemble
from service.policy.schemas import Policy
from service.policy.succession import Successors
from service.recommendations import held_repository
from service.recommendations.held_repository import Held
from service.resources import Resources
from service.users import repository as users


@dataclass(frozen=True, slots=True)
class Standing:
    """A user, as stored at one moment.

    Attributes:
        user_key: that the user is held under.
        state: of the detectors, with the open behaviours in it; an empty one for a new user.
        as_of: time of the newest behaviour.
        policy: that follows.
        memory: behaviours that are kept one by one.
        successors: what others took up after the newest of their items.
    """

    user_key: bytes
    state: State
    as_of: datetime | None
    policy: Policy
    memory: Memory
    successors: Successors


async def standing(resources: Resources, connection: AsyncConnection, user_id: str, domain: str) -> Standing:
    """Read a user. Of somebody who is not known there is the domain's prior.

    Args:
        resources: of the app.
        connection: in a rotation of the user-key secret, one whose transaction sees one moment.
        user_id: in the client's system.
        domain: of the user.
    """
    keys = resources.keys_of(domain, user_id)
    key = keys.present
    if keys.others:
        key = await users.held_under(connection, keys)
    with timing.phase("database"):
        held = await held_repository.held(connection, domain, key, resources.encoder.info.space)
    return _assembled(resources, key, held)


def _assembled(resources: Resources, key: bytes, held: Held) -> Standing:
    info, profile = resources.encoder.info, resources.profile
    params = resources.params
    stored = restore(
        held.state,
        held.pending,
        params,
        same_space=held.space == info.space,
        same_profile=held.profile_id == (profile.id if profile else None),
        recent=[],
        sequence=0,
        since=held.since,
    )
    state, as_of = present(params, stored.window), stored.window.newest_at
    since = stored.since if state.behaviors else None
    return Standing(
        user_key=key,
        state=state,
        as_of=as_of,
        policy=policy_of(params, state, since, as_of),
        memory=assemble([row for row in held.behaviors if row.arrival < state.behaviors], state, info.dim),
        successors=held.successors,
    )

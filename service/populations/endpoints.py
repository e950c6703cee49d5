"""`/domains/{domain}/mutations`."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.dependencies import ReadSessionDependency
from service.populations import service
from service.populations.schemas import DomainMutations, MutationsQuery
from service.problems import DatabaseUnavailable, InvalidRequest, Saturated, responses
from service.resources import ResourcesDependency
from service.wire import Domain

router = APIRouter(prefix="/domains", tags=["populations"])


@router.get(
    "/{domain}/mutations",
    operation_id="get_domain_mutations",
    summary="What the changes of a domain's users have in common",
    responses=responses(DatabaseUnavailable, InvalidRequest, Saturated),
)
async def get_domain_mutations(
    domain: Annotated[Domain, Path()],
    query: Annotated[MutationsQuery, Query()],
    session: ReadSessionDependency,
    resources: ResourcesDependency,
) -> DomainMutations:
    """How many users changed and when, the topics that they gained and lost, and shifts of the whole population.

    A shift is many users turning to one topic at once, far beyond what is usual in the domain: news or a season,
    rather than each user's own change. Counts are of what is kept: erased users are no longer in them.
    """
    return await service.mutations(resources, session, domain, query)

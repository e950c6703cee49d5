"""`/users/{user_id}/policy` and `/users/{user_id}/recommendations`."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.policy.schemas import PolicyInForce
from service.problems import DatabaseUnavailable, Saturated, UnknownUser, responses
from service.recommendations import service
from service.recommendations.schemas import Recommendations, RecommendationsQuery
from service.resources import ResourcesDependency
from service.users.endpoints import UserIdPath
from service.users.schemas import UserQuery

# Somebody who is not known is no error; but no path leads to an id with a line break in it.
router = APIRouter(
    prefix="/users", tags=["recommendations"], responses=responses(UnknownUser, DatabaseUnavailable, Saturated)
)


@router.get("/{user_id:path}/policy", operation_id="get_policy", summary="The policy in force")
async def get_policy(
    user_id: UserIdPath,
    query: Annotated[UserQuery, Query()],
    resources: ResourcesDependency,
) -> PolicyInForce:
    """How to recommend to the user now. Somebody who is not known has the domain's prior, and `status` says `new`."""
    return await service.policy(resources, user_id, query.domain)


@router.get("/{user_id:path}/recommendations", operation_id="get_recommendations", summary="Items for a user")
async def get_recommendations(
    user_id: UserIdPath,
    query: Annotated[RecommendationsQuery, Query()],
    resources: ResourcesDependency,
) -> Recommendations:
    """Items of the catalogue under the user's policy, the best first.

    Candidates are near to those behaviours that foretell the user now, or liked by many; those of the present interest,
    of earlier ones and of everybody are mixed as has foretold this user so far.
    """
    return await service.recommend(resources, user_id, query)

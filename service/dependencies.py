"""Transactions for endpoints: one request is one transaction, committed before the response is sent."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends

from service.database.sessions import ReadSession, WriteSession
from service.resources import ResourcesDependency


async def read_session(resources: ResourcesDependency) -> AsyncIterator[ReadSession]:
    """A read-only transaction for the length of the endpoint."""
    async with resources.read_sessions() as session:
        yield session


async def write_session(resources: ResourcesDependency) -> AsyncIterator[WriteSession]:
    """A transaction for the length of the endpoint: committed when it returns, rolled back when it raises."""
    async with resources.write_sessions.begin() as session:
        yield session


# The scope is what ends the transaction before the response is sent. By default FastAPI ends it afterwards, when a
# failed commit can no longer be told to the client.
ReadSessionDependency = Annotated[ReadSession, Depends(read_session, scope="function")]
WriteSessionDependency = Annotated[WriteSession, Depends(write_session, scope="function")]

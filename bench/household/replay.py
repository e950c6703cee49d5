"""Baskets through the running service, by the generated client alone."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from swerve_client import Client
from swerve_client.api.detect import detect
from swerve_client.api.users import get_history
from swerve_client.models import (
    Behavior,
    DetectOptions,
    DetectRequest,
    DetectResponse,
    ProblemDetails,
    Snapshot,
    SnapshotPage,
)

from bench.household.data import Basket

STOP_SECONDS = 60
OTHERS = ("DATABASE_URL", "SWERVE_DATABASE_URL", "SWERVE_USER_KEY_SECRET", "SWERVE_PORT")
"""Settings of another service, which must not reach the one that is started here."""


class ServiceError(Exception):
    """The service did not start, or refused a request; the message says why."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A change as it was declared.

    Attributes:
        answer: to the request in which it was.
        carriers: texts of the behaviours that carry it, the heaviest first.
    """

    answer: DetectResponse
    carriers: tuple[str, ...]


@contextmanager
def service(url: str | None) -> Iterator[str]:
    """The address of a running service: the given one, or one started here on a folder of its own.

    Raises:
        ServiceError: it does not start.
    """
    if url is not None:
        yield url
        return
    environment = {name: value for name, value in os.environ.items() if name not in OTHERS}
    command = [sys.executable, "-m", "service", "serve", "--port", "0"]
    with tempfile.TemporaryDirectory(prefix="swerve-demo-") as folder:
        environment["SWERVE_DATA_DIR"] = folder
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                found = re.search(r"http://\S+", process.stdout.readline() if process.stdout else "")
                if found is None:
                    raise ServiceError("the service did not start; its own message is above")
                yield found[0]
            finally:
                process.terminate()
                process.wait(STOP_SECONDS)


def replay(client: Client, user_id: str, baskets: Iterable[Basket]) -> Iterator[DetectResponse]:
    """Post each basket as one request; the answers, one by one.

    Raises:
        ServiceError: a request was refused.
    """
    options = DetectOptions(include=["topics", "contributions"])
    for basket in baskets:
        behaviors = [
            Behavior(
                event_id=line.event_id,
                type_="purchase",
                text=line.text,
                category=line.category,
                occurred_at=basket.occurred_at,
            )
            for line in basket.lines
        ]
        request = DetectRequest(user_id=user_id, behaviors=behaviors, options=options)
        answer = detect.sync(client=client, body=request)
        if not isinstance(answer, DetectResponse):
            reason = answer.detail if isinstance(answer, ProblemDetails) else "no answer"
            raise ServiceError(f"a basket was refused: {reason}")
        yield answer


def history(client: Client, user_id: str) -> list[Snapshot]:
    """All snapshots of the user, oldest first, page by page.

    Raises:
        ServiceError: the history cannot be had.
    """
    snapshots: list[Snapshot] = []
    cursor: str | None = None
    while True:
        page = get_history.sync(user_id, client=client, limit=200, cursor=cursor)
        if not isinstance(page, SnapshotPage):
            raise ServiceError(f"no history: {page.detail if isinstance(page, ProblemDetails) else 'no answer'}")
        snapshots += page.items
        cursor = page.next_cursor
        if cursor is None:
            return snapshots[::-1]


def declared(answers: Sequence[DetectResponse], baskets: Sequence[Basket], most: int = 3) -> list[Declared]:
    """The changes among the answers, each with the products that carried it."""
    texts = {line.event_id: line.text for basket in baskets for line in basket.lines}
    found = []
    for answer in answers:
        if not answer.mutated:
            continue
        parts = sorted(answer.contributions or [], key=lambda part: -part.log_odds)
        carriers = dict.fromkeys(texts[part.event_id] for part in parts if part.event_id in texts)
        found.append(Declared(answer, tuple(carriers)[:most]))
    return found

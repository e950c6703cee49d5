"""The service, and the bare endpoint beside it, each as a process on the benchmark's Postgres."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.household.serving import Running, ServiceError, running

__all__ = ["SECRET", "Running", "ServiceError", "bare_endpoint", "service_process"]

SECRET = "a secret for the length of a benchmark"  # noqa: S105 - protects nothing
"""Known, so that users can be put into the database under the keys that the service will look for."""


@contextmanager
def service_process(model: Path, database: str, **settings: str) -> Iterator[Running]:
    """`python -m service serve` on a free port: real uvicorn, real model.

    Args:
        model: exported model folder.
        database: address of its database.
        settings: of the service by field, such as `encoder_capacity_texts="1000"`.

    Raises:
        ServiceError: it does not start, with what it said.
    """
    given = {f"SWERVE_{name.upper()}": value for name, value in settings.items()}
    with running(model, {"DATABASE_URL": database, "SWERVE_USER_KEY_SECRET": SECRET, **given}) as started:
        yield started


@contextmanager
def bare_endpoint(model: Path, database: str) -> Iterator[Running]:
    """`bench.serving.bare_endpoint` under the same server settings on the same Postgres.

    Raises:
        ServiceError: it does not start, with what it said.
    """
    with running(model, {"DATABASE_URL": database}, module=("bench.serving.bare_endpoint",)) as started:
        yield started

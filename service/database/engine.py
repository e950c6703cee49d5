"""The async engine over asyncpg, from a database address as operators write it."""

from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
import orjson
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import service
from service.errors import OperatorError

CONNECT_TIMEOUT_S = 5.0
"""How long one connection may take to open, and how long a request waits for a free one."""

SERVER_SETTINGS = {
    "application_name": f"swerve/{service.__version__}",
    # A request that hangs must not hold its user's row for ever; migrations lift this for themselves.
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
}

_SCHEMES = {"postgres", "postgresql", "postgresql+asyncpg"}
_LIBPQ_ONLY = {
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
}
"""Parameters that libpq knows and asyncpg would send to the server as settings of its own, where they fail."""

_AWAY_STATES = ("08", "53", "57", "58", "XX000")
"""SQLSTATEs, or what they begin with: connection exception, insufficient resources (a full disk), operator intervention
(shutdown, cancelled), system error (a disk that fails), and Postgres's internal error, under which it tells of a quota
that is used up and of a file that may not grow."""

_RETRY_STATES = ("40",)
"""SQLSTATE class of transaction rollbacks (deadlock, serialization): the same request may succeed at once."""


class DatabaseAwayError(OperatorError):
    """Postgres cannot be reached, or stopped answering. The cause is attached."""


def normalize_url(url: str) -> str:
    """A database address in the form that asyncpg takes.

    `postgres://`, `postgresql://` and `postgresql+asyncpg://` are accepted. `ssl=` (SQLAlchemy's spelling) becomes
    libpq's `sslmode=`, which asyncpg reads with its certificate parameters; what only libpq understands is dropped.

    Raises:
        ValueError: it is not a Postgres address. The message never repeats the address, which holds a password.
    """
    parts = _split(url)
    renamed = [("sslmode" if name == "ssl" else name, value) for name, value in parse_qsl(parts.query)]
    query = urlencode([(name, value) for name, value in renamed if name not in _LIBPQ_ONLY])
    return urlunsplit(("postgresql", parts.netloc, parts.path, query, ""))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
    except ValueError as error:
        raise ValueError("is not an address; write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE") from error
    if parts.scheme not in _SCHEMES:
        raise ValueError("must begin with postgresql:// (or postgres://)")
    if not parts.path.strip("/") and "dbname=" not in parts.query:
        raise ValueError("names no database; write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    hosts = parts.netloc.rpartition("@")[2]
    for port in (host.rpartition(":")[2] for host in hosts.split(",") if ":" in host and not host.endswith("]")):
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(
                "has a port that is not a number from 1 to 65535; special characters in the password "
                "must be percent-encoded"
            )
    return parts


def make_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """An engine on that database. Nothing is connected yet.

    Connections are not tested before use: when Postgres was restarted, the first request that meets a dead
    connection fails as `is_away`, and the whole pool is renewed.

    Args:
        url: see `normalize_url`.
        pool_size: connections at most.

    Raises:
        ValueError: a bad address.
    """
    dsn = normalize_url(url)

    async def connect(**_: object) -> object:
        try:
            return await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, server_settings=SERVER_SETTINGS)
        except TimeoutError as error:
            raise DatabaseAwayError(f"Postgres did not answer within {CONNECT_TIMEOUT_S:g} s") from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseAwayError(f"cannot connect to Postgres: {error}") from error

    engine = create_async_engine(
        "postgresql+asyncpg://",  # the address is asyncpg's to read: it knows certificates and several hosts
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_recycle=1800,
        json_deserializer=orjson.loads,
        hide_parameters=True,  # users' data must not reach the log with an error
    )
    event.listen(engine.sync_engine, "handle_error", _name_lost_connections)
    return engine


def _name_lost_connections(context: ExceptionContext) -> None:
    # asyncpg lets the sockets' own errors through; as plain OSErrors they could not be told from a missing file.
    if isinstance(context.original_exception, OSError):
        context.is_disconnect = True
        raise DatabaseAwayError("the connection to Postgres was lost") from context.original_exception


def is_away(error: BaseException) -> bool:
    """Whether this error means that Postgres is away or overloaded, so that a later try may succeed."""
    if isinstance(error, (DatabaseAwayError, PoolTimeoutError, OperationalError, InterfaceError)):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or (sqlstate(error) or "").startswith(_AWAY_STATES + _RETRY_STATES)
    if isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError)):
        return isinstance(error, asyncpg.InterfaceError) or (sqlstate(error) or "").startswith(_AWAY_STATES)
    return isinstance(error, ConnectionError)


def sqlstate(error: BaseException) -> str | None:
    """Postgres's code for what is wrong, also of an error that SQLAlchemy has wrapped; None where it gave none."""
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return state if isinstance(state, str) else None

"""Logs as lines of JSON, or for people; every library's through the same pipeline.

Code logs with the standard library's loggers and names what it tells by `extra`; structlog renders. Only the fields
named here are ever written, and exceptions without their messages: see `service.telemetry.exceptions`.
"""

import asyncio
import logging
import sys
import threading
from types import TracebackType
from typing import IO, Any

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from service.settings import LogFormat, LogLevel
from service.telemetry.exceptions import described, in_lines

FIELDS = ("method", "route", "status", "duration_s", "problem", "error", "sqlstate")
"""What a record may tell by `extra`. What libraries put there is left out: uvicorn repeats its messages' arguments."""

_log = logging.getLogger(__name__)


def configure_logs(level: LogLevel, log_format: LogFormat, stream: IO[str] | None = None) -> None:
    """Send all logs of this process to standard error, and have failures outside of any request logged as well.

    Args:
        level: of our own logs; libraries' begin at `warning`.
        log_format: `auto` is for people where standard error is a terminal.
        stream: instead of standard error.
    """
    out = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(log_format, terminal=out.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    own = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(own, logging.WARNING))
    logging.getLogger("service").setLevel(own)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def log_loop_failure(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler that leaves out the values which asyncio's own repeats."""
    # Further lines, and what follows "callback", show arguments and results.
    said = str(context.get("message", "an error in the event loop")).splitlines()[0]
    _log.error("%s", said.partition(" in callback ")[0], exc_info=context.get("exception"))


def _formatter(log_format: LogFormat, *, terminal: bool) -> logging.Formatter:
    for_people = log_format == "console" or (log_format == "auto" and terminal)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(allow=FIELDS),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(_console(colors=terminal) if for_people else _json()),
        ],
    )


def _json() -> list[Processor]:
    return [_describe_exception, structlog.processors.JSONRenderer(serializer=_dumps)]


def _console(*, colors: bool) -> list[Processor]:
    return [_describe_exception, _exception_in_lines, structlog.dev.ConsoleRenderer(colors=colors)]


def _dumps(event: EventDict, **_: object) -> str:
    return orjson.dumps(event, default=repr).decode()


def _describe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    exc_info = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(exc_info, tuple) and exc_info[1] is not None:
        event["exception"] = described(exc_info[1])
    return event


def _exception_in_lines(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if "exception" in event:
        event["exception"] = in_lines(event["exception"])
    return event


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, Exception):
        _log.critical("the process ends by an exception", exc_info=(kind, error, trace))
    else:
        sys.__excepthook__(kind, error, trace)


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    _log.critical("a thread ended by an exception", exc_info=arguments.exc_value)

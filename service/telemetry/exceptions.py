"""What a log tells of an exception: its type and the way to it, never its message, which may hold what was sent.

`KeyError`, validation errors and Postgres's own messages repeat the value at fault. Types, the lines of the code and
the SQLSTATE say where to look without it.
"""

from collections.abc import Iterator
from itertools import islice
from traceback import StackSummary, walk_tb
from typing import Any

MAX_EXCEPTIONS = 10
FIRST_FRAMES, LAST_FRAMES = 15, 35


def described(error: BaseException) -> list[dict[str, Any]]:
    """The exception, then what caused it or was being handled.

    Each has `type`, `frames` (the outermost first) and, where Postgres raised it, `sqlstate`.

    Example:
        >>> described(KeyError("what was sent"))
        [{'type': 'KeyError', 'frames': []}]
    """
    return [_one(each) for each in islice(_chain(error), MAX_EXCEPTIONS)]


def in_lines(described_errors: list[dict[str, Any]]) -> str:
    """The same for people."""
    lines: list[str] = []
    for error in described_errors:
        lines.append(error["type"] + (f" (SQLSTATE {error['sqlstate']})" if "sqlstate" in error else ""))
        lines += [f"  {frame}" for frame in error["frames"]]
    return "\n".join(lines)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and its causes, members of groups included; each once."""
    seen = set[int]()
    ahead: list[BaseException | None] = [error]
    while ahead:
        each = ahead.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        ahead.append(each.__cause__ or (None if each.__suppress_context__ else each.__context__))
        if isinstance(each, BaseExceptionGroup):
            ahead.extend(each.exceptions)


def _one(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    told: dict[str, Any] = {"type": name, "frames": _frames(error)}
    state = getattr(error, "sqlstate", None)
    return {**told, "sqlstate": state} if isinstance(state, str) else told


def _frames(error: BaseException) -> list[str]:
    stack = StackSummary.extract(walk_tb(error.__traceback__), lookup_lines=False)
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack]
    left_out = len(frames) - FIRST_FRAMES - LAST_FRAMES
    if left_out <= 0:
        return frames
    return [*frames[:FIRST_FRAMES], f"({left_out} frames left out)", *frames[-LAST_FRAMES:]]

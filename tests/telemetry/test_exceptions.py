"""Exceptions as logs tell them: where to look, and nothing of what was sent."""

import traceback
from collections.abc import Callable

import asyncpg
import pytest
from sqlalchemy.exc import IntegrityError

from service.telemetry.exceptions import FIRST_FRAMES, LAST_FRAMES, described, in_lines

SECRET = "what-was-sent"  # not in a line of code below: those are told


def raised(act: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - of any kind
        act()
    return caught.value


def look_up() -> object:
    known: dict[str, object] = {}
    return known[SECRET]


def wrap() -> object:
    try:
        return look_up()
    except KeyError as error:
        raise ValueError(SECRET) from error


def fail_while_handling() -> object:
    try:
        return look_up()
    except KeyError:
        return int(SECRET)


def several() -> object:
    raise ExceptionGroup(SECRET, [raised_error(look_up), raised_error(wrap)])


def raised_error(act: Callable[[], object]) -> Exception:
    error = raised(act)
    assert isinstance(error, Exception)
    return error


@pytest.mark.parametrize(
    ("act", "types"),
    [
        (look_up, ["KeyError"]),
        (wrap, ["ValueError", "KeyError"]),
        (fail_while_handling, ["ValueError", "KeyError"]),
        (several, ["ExceptionGroup", "ValueError", "KeyError", "KeyError"]),
    ],
)
def test_types_and_ways_of_the_whole_chain_without_a_message(act: Callable[[], object], types: list[str]) -> None:
    error = raised(act)
    assert SECRET in "".join(traceback.format_exception(error))  # as it would be told
    told = described(error)
    assert [each["type"] for each in told] == types
    assert all(each["frames"][-1].endswith((act.__name__, " look_up", " wrap")) for each in told)
    assert SECRET not in str(told)
    assert SECRET not in in_lines(told)
    assert all(name in in_lines(told) for name in types)


def test_what_hides_its_context_is_told_alone() -> None:
    def hide() -> object:
        try:
            return look_up()
        except KeyError:
            raise ValueError(SECRET) from None

    assert [each["type"] for each in described(raised(hide))] == ["ValueError"]


def test_postgres_says_its_code_and_not_the_row() -> None:
    original = asyncpg.CheckViolationError(f"row {SECRET}")
    original.detail = f"Failing row contains ({SECRET})."
    told = described(IntegrityError("INSERT", None, original))
    (alone,) = described(original)
    assert alone == {"type": "asyncpg.exceptions.CheckViolationError", "frames": [], "sqlstate": "23514"}
    assert told[0]["type"] == "sqlalchemy.exc.IntegrityError"
    assert "SQLSTATE 23514" in in_lines([alone])


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert [each["type"] for each in described(one)] == ["ValueError", "KeyError"]


def test_endless_recursion_is_told_by_its_beginning_and_its_end() -> None:
    def fall() -> object:
        return fall()

    (told,) = described(raised(fall))
    assert told["type"] == "RecursionError"
    assert len(told["frames"]) == FIRST_FRAMES + 1 + LAST_FRAMES
    assert "frames left out" in told["frames"][FIRST_FRAMES]

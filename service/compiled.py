"""Arithmetic loops compiled to machine code.

Inner loops run once for each behaviour, or each batch, over short arrays. In array expressions they would cost mostly
the calls; compiled they are plain loops, free of the interpreter's lock, and the same for one behaviour as for a
thousand. What was compiled is kept beside the source, or in the user's cache where that cannot be written, until that
source changes: functions that call each other stand in one file with their constants, for a change in another file
would go unseen.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


def compiled(function: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """The function, compiled at its first call for the types it is called with."""
    return _compile(function, reorder=False)


def compiled_sums(function: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """The same, with leave to add up in another order, which is what lets a long sum run in vector registers."""
    return _compile(function, reorder=True)


def _compile(function: Callable[Arguments, Returned], *, reorder: bool) -> Callable[Arguments, Returned]:
    fastmath = {"reassoc", "contract"} if reorder else False
    try:
        return njit(cache=True, nogil=True, error_model="numpy", fastmath=fastmath)(function)
    except RuntimeError:  # nowhere to keep it: compiled anew in each process
        return njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)

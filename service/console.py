"""What all commands of the command line share: settings, and failures in one line with an exit code."""

import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NoReturn

import typer
from sqlalchemy.exc import DBAPIError

from service.errors import MisuseError, OperatorError
from service.settings import Settings, SettingsError, load_settings

FAILED = 1
MISUSED = 2
UNFINISHED = 3
WIDE = 240
"""Columns of a table that goes to a program."""
OF_LOGS = frozenset({"calibrate", "evaluate", "replay"})
"""Commands that need the extra `calibrate`."""


def load_command(name: str) -> ModuleType:
    """A command's module, imported now: none waits for what others need, or fails for want of it."""
    try:
        with _collector_off():
            return importlib.import_module(f"service.commands.{name}")
    except ModuleNotFoundError as error:
        if name not in OF_LOGS:  # then swerve itself is not whole
            raise
        fail(f"swerve {name} needs the package {error.name}: pip install 'swerve[calibrate]'", MISUSED)


@contextmanager
def _collector_off() -> Iterator[None]:
    """What an import makes is there to stay, and looking through it for garbage takes a sixth of the import's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_settings(**given: str | int) -> Settings:
    """The settings; what is given here goes before the environment."""
    try:
        return load_settings(**given)
    except SettingsError as error:
        fail(str(error), MISUSED)


def run_command(action: Callable[[], None]) -> None:
    """Run a command; what its operator can mend becomes one line."""
    try:
        action()
    except MisuseError as error:
        fail(str(error), MISUSED)
    except OperatorError as error:
        fail(str(error), FAILED)
    except BrokenPipeError:  # who reads has seen enough; typer ends quietly
        raise
    except OSError as error:
        fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", FAILED)
    except DBAPIError as error:
        fail(f"the database refused: {error.orig}", FAILED)


def fail(message: str, code: int) -> NoReturn:
    """Leave with one line on standard error."""
    typer.echo(f"swerve: {' '.join(message.split())}", err=True)
    sys.exit(code)

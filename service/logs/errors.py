"""What can be wrong with a log."""

from service.errors import InputError

LONGEST_VALUE = 60
"""Characters of an offending value that a message quotes."""


class LogError(InputError):
    """A log that cannot be used; the message names file, row and remedy."""


class RowError(Exception):
    """One row that cannot be used. Becomes a `LogError` once it is known to be the first one.

    Args:
        row: its number, 1 = first data row.
        problem: what is wrong with it, beginning with the column.
        remedy: what to do.
        line: the line of the file where it begins, if known; text may hold line breaks.
    """

    def __init__(self, row: int, problem: str, remedy: str, line: int | None = None) -> None:
        super().__init__(f"row {row}: {problem}; {remedy}")
        self.row = row
        self.problem = problem
        self.remedy = remedy
        self.line = line

    @property
    def place(self) -> str:
        """How a message names the row."""
        return f"row {self.row}" if self.line is None else f"row {self.row} (line {self.line})"


class MalformedError(Exception):
    """A CSV file with a fault whose place is not known yet."""


def shown(value: object) -> str:
    """A value as a message quotes it."""
    text = str(value)
    return repr(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")


def joined(names: list[str]) -> str:
    """Column names as a message lists them."""
    return ", ".join(names) or "none"

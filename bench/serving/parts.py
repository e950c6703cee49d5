"""The parts of the benchmark, in order; each is imported only when asked for, so that one can be left out."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from bench.serving.setting import Setting

PARTS = {
    "encoder": "bench.serving.encoder",
    "shared_rows": "bench.serving.shared_rows",
    "peers": "bench.serving.peers_part",
    "start": "bench.serving.start",
    "detect": "bench.serving.detect",
    "overload": "bench.serving.overload",
    "memory": "bench.serving.memory",
    "options": "bench.serving.options",
    "growth": "bench.serving.growth",
    "gpu": "bench.serving.gpu",
}


class Part(Protocol):
    """What the module of a part has; `draw` is optional, see `plots`."""

    TITLE: str

    def measure(self, setting: Setting) -> dict[str, Any]:
        """Figures, ready for JSON."""
        ...

    def section(self, figures: dict[str, Any]) -> Sequence[str]:
        """Lines of Markdown: the table, the target and whether it was met."""
        ...


def part_of(name: str) -> Part | None:
    """The part of that name; None where its module is not there."""
    if find_spec(PARTS[name]) is None:
        return None
    return cast("Part", import_module(PARTS[name]))


def plots(part: Part, figures: dict[str, Any], folder: Path) -> list[str]:
    """Draw the part's plots into a folder; lines of Markdown that show them, none for a part without plots."""
    if not isinstance(part, ModuleType) or not hasattr(part, "draw"):
        return []
    return list(part.draw(figures, folder))

"""The results as one page, from what each part has written."""

import json
from pathlib import Path
from typing import Any

from bench.serving.parts import PARTS, part_of, plots


def write_page(folder: Path) -> None:
    """Write README.md and the plots from the JSON files in a folder."""
    lines = [
        "# Serving",
        "",
        "Made by `python -m bench.serving`; do not edit.",
        "",
        (
            "What decides is a ratio: both of its sides were measured in the same run, in turns, on the machine named "
            "below each heading, so that a slower or a busier machine moves both. Speeds by themselves hold for that "
            "machine only. The load average is that of the minute before the part began: above about 1, something "
            "else was running."
        ),
        "",
    ]
    for name in PARTS:
        lines += _part(name, folder)
    (folder / "README.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _part(name: str, folder: Path) -> list[str]:
    part, path = part_of(name), folder / f"{name}.json"
    heading = [f"## {part.TITLE if part else name.capitalize()}", ""]
    if part is None or not path.exists():
        return [*heading, f"Not measured: run `python -m bench.serving --only {name}`.", ""]
    result = json.loads(path.read_text("utf-8"))
    figures = result["figures"]
    lines = [*heading, where(result), "", *part.section(figures)]
    shown = plots(part, figures, folder)
    return [*_ending_blank(lines), *_ending_blank(shown)]


def _ending_blank(lines: list[str]) -> list[str]:
    return lines if not lines or lines[-1] == "" else [*lines, ""]


def where(result: dict[str, Any]) -> str:
    """The machine, the date and the versions in a line; and that a brief run means nothing."""
    told = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    commit = f", commit {told['commit']}" if told["commit"] else ""
    line = (
        f"{told['date']}{commit}; {told['cpu']}, {told['cores']} cores, {told['memory_gib']:g} GiB, {told['system']}, "
        f"load average {told['load_average_at_start']:g} at the start; Python {told['python']}, {versions}."
    )
    return f"**A brief run, too short to mean anything.** {line}" if result["brief"] else line

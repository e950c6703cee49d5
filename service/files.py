"""Writing text files whole or not at all."""

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file; after an error what was there before is still there, and nothing else is."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

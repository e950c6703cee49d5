"""The folder an export goes to: built beside it, and put in its place in one step once everything is right."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from onnx_export.errors import TargetOccupiedError, disk_errors
from onnx_export.manifest import MANIFEST


@dataclass(frozen=True, slots=True)
class Staging:
    """Two folders on the target's own disk.

    Attributes:
        model: becomes the target.
        scratch: for downloads and intermediate graphs; thrown away.
    """

    model: Path
    scratch: Path


@contextmanager
def staged(out: Path) -> Iterator[Staging]:
    """Give a place to build in; when the block ends well, it replaces `out`, otherwise nothing is left of it.

    Raises:
        TargetOccupiedError: `out` holds something that is not an exported model.
        TargetUnwritableError: it cannot be made or written.
        DiskFullError: there is no room.
    """
    with disk_errors(out):
        out = out.resolve()  # of a link, what it points to is replaced
        _check_replaceable(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.export-", dir=out.parent))
        try:
            staging = Staging(model=work / "model", scratch=work / "scratch")
            staging.model.mkdir()
            staging.scratch.mkdir()
            yield staging
            _sync(staging.model)
            _swap(staging.model, out, work / "replaced")
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _check_replaceable(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "a file of that name is there")
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise TargetOccupiedError(f"{out} holds files that are not an exported model; choose a new or empty folder")


def _sync(folder: Path) -> None:
    """Have the disk hold the files before their folder gets its final name."""
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _swap(new: Path, out: Path, aside: Path) -> None:
    """Rename `new` to `out`, an old `out` out of its way, and back again should that fail."""
    existed = out.exists()
    if existed:
        out.rename(aside)
    try:
        new.rename(out)
    except OSError:
        if existed:
            aside.rename(out)
        raise
    descriptor = os.open(out.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

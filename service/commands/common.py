"""What the commands share: the encoder, progress on the terminal, and whole writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from service.encoder import OnnxEncoder
from service.errors import InputError
from service.settings import Settings


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on standard error, so that standard output stays what was asked for."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress


@contextmanager
def loaded(model: Path, settings: Settings) -> Iterator[OnnxEncoder]:
    """The encoder, closed at the end.

    Raises:
        ModelFolderError: the folder is not what `onnx_export` wrote.
    """
    encoder = OnnxEncoder.load(
        model,
        capacity_texts=max(settings.encoder_capacity_texts, 4096),
        cache_texts=settings.encoder_cache_texts,
        force_cpu=settings.force_cpu,
    )
    try:
        yield encoder
    finally:
        encoder.close()


def require_folder(path: Path) -> None:
    """Refuse, before long work, a file whose folder is not there.

    Raises:
        InputError: naming the folder and the remedy.
    """
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path.parent} is not a folder: make it, or write somewhere else")

"""What the commands that work on logs share: the encoder, and a place for what they write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.encoder import OnnxEncoder
from service.errors import InputError
from service.settings import Settings


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

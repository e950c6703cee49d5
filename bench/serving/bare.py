"""`InferenceSession.run` and nothing else, on texts tokenized, sorted and laid out before: the machine's limit."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnxruntime

from service.encoder.layout import Feeds, a_row_each, pack
from service.encoder.manifest import MODEL_FILE, Manifest
from service.encoder.session import CPU, packed_rows, session_options
from service.encoder.tokenization import TextTokenizer, Tokens

TRIALS = 2


@dataclass(frozen=True, slots=True)
class Limit:
    """What bounds a batch of texts sorted by length; None does not bound it.

    Attributes:
        texts: texts of a batch.
        tokens: tokens of a batch, were each text a row of its own; a longer text runs alone.
        shared: texts share rows, where the graph takes such; else each is a row of its own.
    """

    texts: int | None = None
    tokens: int | None = None
    shared: bool = False

    def __str__(self) -> str:
        bounds = [f"{self.texts} texts"] * (self.texts is not None) + [f"{self.tokens} tokens"] * (
            self.tokens is not None
        )
        return (", ".join(bounds) or "no limit") + ", rows shared" * self.shared

    def allows(self, texts: int, longest: int) -> bool:
        """Whether so many texts, padded to so many tokens, may run together."""
        return (self.texts is None or texts <= self.texts) and (self.tokens is None or texts * longest <= self.tokens)


LIMITS = (
    *(Limit(texts=size) for size in (16, 32, 64, 128)),
    *(Limit(tokens=budget) for budget in (256, 512, 1024, 2048, 4096)),
)
"""Those that the bare session is tried with."""


def split(lengths: Sequence[int], limit: Limit) -> Iterator[slice]:
    """Batches, in order, of texts sorted by length, each as large as the limit allows and at least one text.

    Example:
        >>> list(split([3, 4, 4, 9, 40], Limit(tokens=12)))
        [slice(0, 3, None), slice(3, 4, None), slice(4, 5, None)]
    """
    start = 0
    for position, length in enumerate(lengths):
        if position > start and not limit.allows(position + 1 - start, length):
            yield slice(start, position)
            start = position
    if start < len(lengths):
        yield slice(start, len(lengths))


def open_graph(
    folder: Path, options: onnxruntime.SessionOptions, providers: Sequence[str] = (CPU,)
) -> onnxruntime.InferenceSession:
    """A session of the folder's graph."""
    return onnxruntime.InferenceSession(str(folder / MODEL_FILE), options, providers=list(providers))


class BareSession:
    """The graph of a model folder in a session of its own.

    Args:
        folder: the exported model.
        manifest: of the folder.
        options: of the session; by default those of the service.
    """

    def __init__(self, folder: Path, manifest: Manifest, options: onnxruntime.SessionOptions | None = None) -> None:
        self._manifest = manifest
        self._tokenizer = TextTokenizer.load(folder, manifest)
        self._session = open_graph(folder, options or session_options())

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of each text, in order."""
        return self._tokenizer.tokenize(texts)

    @property
    def limits(self) -> Sequence[Limit]:
        """Those to try: with rows that texts share as well, where the graph takes such."""
        shared = [replace(limit, shared=True) for limit in LIMITS] if self._manifest.graph.packs else []
        return [*LIMITS, *shared]

    def prepare(self, tokens: Sequence[Tokens], limit: Limit) -> list[Feeds]:
        """Inputs of all batches of the texts, sorted by length."""
        ordered = sorted(tokens, key=len)
        return [self._feeds(ordered[batch], limit) for batch in split([len(one) for one in ordered], limit)]

    def seconds(self, batches: Sequence[Feeds]) -> float:
        """Run all batches; how long that took."""
        output = [self._manifest.graph.output]
        began = time.perf_counter()
        for feeds in batches:
            self._session.run(output, feeds)
        return time.perf_counter() - began

    def fastest(self, tokens: Sequence[Tokens]) -> tuple[Limit, dict[str, float]]:
        """The limit at which these texts take the shortest time, and the tokens a second at each one tried.

        They take turns, so that noise of the machine falls on all alike.
        """
        prepared = {limit: self.prepare(tokens, limit) for limit in self.limits}
        seconds: dict[Limit, list[float]] = {limit: [] for limit in prepared}
        for _ in range(TRIALS):
            for limit, batches in prepared.items():
                seconds[limit].append(self.seconds(batches))
        count = sum(map(len, tokens))
        return min(prepared, key=lambda one: min(seconds[one])), {
            str(limit): count / min(found) for limit, found in seconds.items()
        }

    def _feeds(self, batch: Sequence[Tokens], limit: Limit) -> Feeds:
        manifest = self._manifest
        if limit.shared:
            return pack(batch, packed_rows(manifest.dim), pad_token_id=manifest.pad_token_id)
        return a_row_each(batch, manifest)

"""The gate: the finished graph must give the reference model's vectors, in a batch as well as alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from onnx_export.errors import BatchParityError, ConversionError, ParityError, TokenizerMismatchError
from onnx_export.manifest import Parity
from onnx_export.reference import Reference
from onnx_export.texts import BEHAVIOURS

NEIGHBOURS = 10
BATCH = 16
PACKED_ROWS = 2
Floats = NDArray[np.float32]
Ids = list[list[int]]
Feeds = dict[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a precision must reach; None where it promises nothing.

    Attributes:
        max_abs_diff: the most that any component may differ from the reference.
        mean_cosine: the least mean cosine with the reference.
        neighbour_overlap: the least mean share of common nearest neighbours.
        batch_max_abs_diff: the most that a text's vector in a batch may differ from its vector alone.
        batch_min_cosine: the least cosine between those two.
    """

    max_abs_diff: float | None = None
    mean_cosine: float | None = None
    neighbour_overlap: float | None = None
    batch_max_abs_diff: float | None = None
    batch_min_cosine: float | None = None


GATES = {
    "fp32": Gate(max_abs_diff=1e-5, batch_max_abs_diff=1e-5),
    # A token's rounding may fall to the other side when padding moves the last bit of a sum: so no fixed difference.
    "int8": Gate(mean_cosine=0.985, neighbour_overlap=0.8, batch_min_cosine=0.9999),
    "fp16": Gate(mean_cosine=0.9999, batch_min_cosine=0.9999),
}


class GraphRunner:
    """Runs an exported folder's graph on the CPU with its own tokenizer, batches laid out as the graph takes them."""

    def __init__(self, session: Any, inputs: Sequence[str], tokenizer: Path, reference: Reference) -> None:  # noqa: ANN401  # untyped library
        self._session = session
        self._packs = "segment_ids" in inputs
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(max_length=reference.max_tokens)
        self._prefix = reference.prefix
        self._pad = reference.pad_token_id

    def token_ids(self, texts: Sequence[str]) -> Ids:
        """The tokens of each text, truncated; a text of no tokens is one padding token with attention."""
        encoded = self._tokenizer.encode_batch([self._prefix + text for text in texts])
        return [one.ids or [self._pad] for one in encoded]

    def run(self, ids: Ids) -> Floats:
        """Vectors of one batch: all in two rows where the graph takes several a row, else padded to the longest."""
        vectors: Floats = self._session.run(None, self._packed(ids) if self._packs else self._padded(ids))[0]
        return vectors

    def _padded(self, ids: Ids) -> Feeds:
        width = max(map(len, ids))
        tokens = np.full((len(ids), width), self._pad, dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = one
            mask[row, : len(one)] = 1
        return {"input_ids": tokens, "attention_mask": mask}

    def _packed(self, ids: Ids) -> Feeds:
        rows = [list(enumerate(ids, 1))[start::PACKED_ROWS] for start in range(min(PACKED_ROWS, len(ids)))]
        width = max(sum(len(one) for _, one in row) for row in rows)
        tokens = np.full((len(rows), width), self._pad, dtype=np.int64)
        positions, segments = np.zeros_like(tokens), np.zeros_like(tokens)
        for place, row in enumerate(rows):
            start = 0
            for number, one in row:
                stop = start + len(one)
                tokens[place, start:stop] = one
                positions[place, start:stop] = range(len(one))
                segments[place, start:stop] = number
                start = stop
        return {"input_ids": tokens, "position_ids": positions, "segment_ids": segments}


def open_session(graph: Path) -> Any:  # noqa: ANN401  # onnxruntime ships no types
    """Load a graph on the CPU provider, saying nothing but errors.

    Raises:
        ConversionError: ONNX Runtime refuses the graph.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its many errors have no common base but this
        raise ConversionError(f"ONNX Runtime does not load the finished graph: {error}") from error


def check_tokens(texts: Sequence[str], ids: Ids, reference: Reference) -> None:
    """Compare the exported tokenizer's ids with the reference tokenizer's.

    Raises:
        TokenizerMismatchError: they differ, or an id is beyond the model's vocabulary.
    """
    for text, found in zip(texts, ids, strict=True):
        expected = reference.token_ids(text)
        if found != expected:
            raise TokenizerMismatchError(
                f"the exported tokenizer gives {found[:8]}… for {text[:40]!r}, the model's own {expected[:8]}…; "
                "the model's tokenizer does something that tokenizer.json cannot hold"
            )


def compare(runner: GraphRunner, ids: Ids, expected: Floats) -> Parity:
    """Measure a graph against the reference's vectors of the same texts, behaviours first.

    Args:
        runner: the finished graph.
        ids: tokens of each text.
        expected: (n, dim) the reference's unit vectors.

    Raises:
        ParityError: a value is not finite.
    """
    batched = np.empty_like(expected)
    for rows in _mixed_batches(len(ids)):
        batched[rows] = runner.run([ids[row] for row in rows])
    single = np.empty_like(expected)
    for row, one in enumerate(ids):
        single[row] = runner.run([one])[0]
    if not (np.isfinite(batched).all() and np.isfinite(single).all()):
        raise ParityError("the finished graph gives values that are not finite")
    return _figures(expected, batched, single)


def _mixed_batches(count: int) -> list[NDArray[np.intp]]:
    """Row numbers of batches that each have texts from everywhere in the suite, of very different lengths."""
    batches = -(-count // BATCH)
    return [np.arange(start, count, batches) for start in range(batches)]


def _figures(expected: Floats, batched: Floats, single: Floats) -> Parity:
    cosines = np.minimum(_cosines(expected, batched), _cosines(expected, single))
    near = min(len(BEHAVIOURS), len(expected))
    return Parity(
        texts=len(expected),
        max_abs_diff=float(max(np.abs(expected - batched).max(), np.abs(expected - single).max())),
        mean_cosine=float(cosines.mean()),
        min_cosine=float(cosines.min()),
        neighbour_overlap=neighbour_overlap(expected[:near], batched[:near]),
        batch_single_max_abs_diff=float(np.abs(batched - single).max()),
        batch_single_min_cosine=float(_cosines(batched, single).min()),
    )


def _cosines(one: Floats, other: Floats) -> NDArray[np.float64]:
    # Rows have unit length up to the precision of float32; dividing by it again keeps 1 from becoming 0.9999999.
    a, b = one.astype(np.float64), other.astype(np.float64)
    cosines: NDArray[np.float64] = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return cosines


def neighbour_overlap(expected: Floats, found: Floats, k: int = NEIGHBOURS) -> float:
    """Mean share of each row's k nearest other rows (by cosine) that both sets of unit vectors agree on."""
    k = min(k, len(expected) - 1)
    here, there = _nearest(expected, k), _nearest(found, k)
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(here.tolist(), there.tolist(), strict=True)]))


def _nearest(vectors: Floats, k: int) -> NDArray[np.intp]:
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argsort(-similarity, axis=1, kind="stable")[:, :k]


def check(parity: Parity, gate: Gate) -> None:
    """Refuse figures that a precision may not have.

    Raises:
        BatchParityError: a text's vector depends on its batch.
        ParityError: the vectors are not the reference's.
    """
    _at_most(ParityError, "max abs difference from the reference", parity.max_abs_diff, gate.max_abs_diff)
    _at_least(ParityError, "mean cosine with the reference", parity.mean_cosine, gate.mean_cosine)
    _at_least(ParityError, "overlap of the ten nearest neighbours", parity.neighbour_overlap, gate.neighbour_overlap)
    _at_most(
        BatchParityError,
        "max abs difference between batch and single",
        parity.batch_single_max_abs_diff,
        gate.batch_max_abs_diff,
    )
    _at_least(
        BatchParityError, "cosine between batch and single", parity.batch_single_min_cosine, gate.batch_min_cosine
    )


def _at_most(error: type[ParityError], what: str, figure: float, limit: float | None) -> None:
    if limit is not None and not figure <= limit:
        raise error(f"{what} is {figure:.3g}, at most {limit:g} is allowed; nothing was written")


def _at_least(error: type[ParityError], what: str, figure: float, limit: float | None) -> None:
    if limit is not None and not figure >= limit:
        raise error(f"{what} is {figure:.6f}, at least {limit:g} is needed; nothing was written")

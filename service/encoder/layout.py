"""How the tokens of a batch stand in the arrays that a graph takes.

Padded: each text is a row, as long as the longest one. Packed: texts stand one behind the other in a few rows, and the
graph is told where each begins (see `onnx_export.packing`); so short texts need next to no padding.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from service.encoder.manifest import Manifest
from service.encoder.rows import RowPolicy, fill_rows
from service.encoder.tokenization import Tokens

Ids = NDArray[np.int64]
Feeds = dict[str, Ids]
"""A graph's inputs by name, each (rows, tokens)."""


def pad(batch: Sequence[Tokens], manifest: Manifest, shape: tuple[int, int] | None = None) -> Feeds:
    """A row for each text: `input_ids` and `attention_mask`.

    Args:
        batch: the texts' tokens.
        manifest: says what fills the rows up, and on which side of a text.
        shape: rows and tokens, at least (batch, longest), which is the default. Rows of no text have one padding token
            that is attended to: a mean over no tokens is undefined.
    """
    rows, columns = shape or (len(batch), max(map(len, batch)))
    lengths = np.ones(rows, dtype=np.int64)
    lengths[: len(batch)] = [len(tokens) for tokens in batch]
    positions = np.arange(columns)
    attended = positions >= columns - lengths[:, None] if manifest.pad_side == "left" else positions < lengths[:, None]
    input_ids = np.full((rows, columns), manifest.pad_token_id, dtype=np.int64)
    input_ids[: len(batch)][attended[: len(batch)]] = _joined(batch)
    return {"input_ids": input_ids, "attention_mask": attended.astype(np.int64)}


def pack(batch: Sequence[Tokens], policy: RowPolicy, *, pad_token_id: int) -> Feeds:
    """Texts one behind the other, in as many rows as cost least: `input_ids`, `position_ids` and `segment_ids`.

    Each token has its place in its text, from 0, and the number of its text, from 1; padding has 0 and 0. Rows are
    filled so that the fullest is as short as may be: the longest text first, each into the emptiest row (Graham 1969).

    Example:
        >>> batch = [Tokens(ids, truncated=False) for ids in ([5, 6], [7, 8, 9], [4])]
        >>> for name, array in pack(batch, RowPolicy(row_tokens=3, span=1536.0), pad_token_id=0).items():
        ...     print(name, array.tolist())
        input_ids [[7, 8, 9], [5, 6, 4]]
        position_ids [[0, 1, 2], [0, 1, 0]]
        segment_ids [[2, 2, 2], [1, 1, 3]]
    """
    lengths = np.array([len(tokens) for tokens in batch], dtype=np.int64)
    places, rows, columns = fill_rows(lengths, policy.row_tokens, policy.span)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.repeat(places, lengths) + within
    input_ids = np.full(rows * columns, pad_token_id, dtype=np.int64)
    position_ids, segment_ids = np.zeros_like(input_ids), np.zeros_like(input_ids)
    input_ids[at] = _joined(batch)
    position_ids[at] = within
    segment_ids[at] = np.repeat(np.arange(1, len(batch) + 1), lengths)
    feeds = {"input_ids": input_ids, "position_ids": position_ids, "segment_ids": segment_ids}
    return {name: array.reshape(rows, columns) for name, array in feeds.items()}


def a_row_each(batch: Sequence[Tokens], manifest: Manifest, shape: tuple[int, int] | None = None) -> Feeds:
    """A row for each text, as the graph takes it, whichever form it has; see `pad`."""
    feeds = pad(batch, manifest, shape)
    if manifest.graph.packs:
        return as_packed(feeds)
    if "token_type_ids" in manifest.graph.inputs:
        feeds["token_type_ids"] = np.zeros_like(feeds["input_ids"])
    return feeds


def as_packed(padded: Feeds) -> Feeds:
    """A padded batch as a graph of packed rows takes it: each row is one text's, and none is without."""
    mask = padded["attention_mask"]
    positions = np.maximum(np.cumsum(mask, axis=1) - 1, 0)
    numbers = np.arange(1, len(mask) + 1)[:, None]
    return {"input_ids": padded["input_ids"], "position_ids": positions * mask, "segment_ids": numbers * mask}


def _joined(batch: Sequence[Tokens]) -> Ids:
    return np.fromiter(chain.from_iterable(tokens.ids for tokens in batch), np.int64)

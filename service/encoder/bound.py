"""A graph on a GPU, run from buffers that stay where they are, in shapes that were run before.

The first run of a shape costs 50 to 80 ms on an H100, because cuDNN plans its attention anew, and any later one about
1 ms up to some thousand tokens. So batches are padded to a few shapes, all of which are run once while nobody waits,
and each has its buffers on the device, to which inputs are copied and from which the result is read (ONNX Runtime's
I/O binding).
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime

from service.encoder.layout import Feeds, a_row_each
from service.encoder.manifest import Manifest
from service.encoder.rows import RowPolicy
from service.encoder.tokenization import Tokens
from service.vectors import Vectors

BATCH_TOKENS = 16384
"""Tokens of a batch at most, padding included, except for a text that is longer by itself."""
LENGTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
ROWS = (16, 64, 128, 256, 384, 512, 768, 1024)
"""A run of 16 texts takes no longer than one of a single text."""
DEPTH = 2
"""Runs of one shape under way at a time: one that the device works on, and one that is being prepared."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes that batches are padded to.

    Attributes:
        longest: tokens of the model's longest input.

    Example:
        >>> shapes = Shapes(512)
        >>> shapes.of(5, 12), shapes.of(400, 40), shapes.of(2, 500)
        ((16, 16), (400, 48), (16, 512))
    """

    longest: int

    def of(self, texts: int, tokens: int) -> tuple[int, int]:
        """Rows and tokens for a batch of so many texts, the longest of which has so many tokens."""
        length = min(next((size for size in LENGTHS if size >= tokens), tokens), max(tokens, self.longest))
        most = max(1, BATCH_TOKENS // length)
        rows = next((size for size in ROWS if size >= texts), texts)
        return max(texts, min(rows, most)), length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """All of them within `BATCH_TOKENS`, the smallest first."""
        lengths = sorted({self.of(1, tokens)[1] for tokens in range(1, self.longest + 1)})
        shapes = {self.of(texts, length) for length in lengths for texts in (*ROWS, BATCH_TOKENS // length)}
        return iter(sorted((one for one in shapes if one[0] * one[1] <= BATCH_TOKENS), key=lambda one: one[0] * one[1]))


@dataclass(slots=True)
class _Buffers:
    """What one shape is run from."""

    binding: onnxruntime.IOBinding
    inputs: dict[str, onnxruntime.OrtValue]
    output: onnxruntime.OrtValue

    def vectors(self) -> Vectors:
        """Wait for the run, and copy its result: the next run writes over it."""
        self.binding.synchronize_outputs()
        return np.array(self.output.numpy(), dtype=np.float32)


class BoundGraph:
    """Runs a session by I/O binding, with buffers for each shape.

    A run is only begun by `start`; while the device works on it, the next one's texts can be tokenized, padded and
    copied.

    Args:
        session: of the graph.
        manifest: of its folder.
        device: of the buffers, as ONNX Runtime names it: cuda, or cpu for tests.
    """

    overlaps = True
    rows = RowPolicy()
    """Each text has a row of its own, so that the shape follows from the number of texts and the longest."""

    def __init__(self, session: onnxruntime.InferenceSession, manifest: Manifest, device: str) -> None:
        self._session = session
        self._manifest = manifest
        self._device = device
        self._shapes = Shapes(manifest.max_tokens)
        self._unprepared = deque(self._shapes)
        self._rings: dict[tuple[int, int], deque[_Buffers]] = {}
        self._options = onnxruntime.RunOptions()
        self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")

    @property
    def provider(self) -> str:
        """The execution provider that runs the graph."""
        return str(self._session.get_providers()[0])

    def padded_length(self, tokens: int) -> int:
        """See `Shapes.of`."""
        return self._shapes.of(1, tokens)[1]

    def lay_out(self, batch: Sequence[Tokens]) -> Feeds:
        """A row for each text, and more, in one of the shapes."""
        return a_row_each(batch, self._manifest, self._shapes.of(len(batch), max(map(len, batch))))

    def prepare(self) -> bool:
        """Run one more of the shapes; whether there are others.

        To be called by the thread that also runs the texts: cuDNN's plans are kept for each thread.
        """
        if self._unprepared:
            shape = self._unprepared.popleft()
            full = Tokens([self._manifest.pad_token_id] * shape[1], truncated=False)
            self.start(a_row_each([full] * shape[0], self._manifest, shape))()
        return bool(self._unprepared)

    def start(self, feeds: Feeds) -> Callable[[], Vectors]:
        """Begin a run on what `lay_out` gave; at most `DEPTH` of one shape at a time.

        Returns:
            What waits for it and gives its unit vectors (rows, dim) float32; to be called once.
        """
        rows, tokens = feeds["input_ids"].shape
        ring = self._rings.setdefault((rows, tokens), deque())
        if len(ring) < DEPTH:
            ring.append(self._allocate(rows, tokens))
        else:
            ring.rotate(-1)
        buffers = ring[-1]
        for name, array in feeds.items():
            buffers.inputs[name].update_inplace(np.ascontiguousarray(array))
        self._session.run_with_iobinding(buffers.binding, self._options)
        return buffers.vectors

    def _allocate(self, rows: int, tokens: int) -> _Buffers:
        """Buffers of one shape."""
        zeros = np.zeros((rows, tokens), np.int64)
        inputs: dict[str, onnxruntime.OrtValue] = {
            str(name): onnxruntime.OrtValue.ortvalue_from_numpy(zeros.copy(), self._device, 0)
            for name in self._manifest.graph.inputs
        }
        output = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            (rows, self._manifest.dim), np.float32, self._device, 0
        )
        binding = self._session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_ortvalue_output(self._manifest.graph.output, output)
        return _Buffers(binding, inputs, output)

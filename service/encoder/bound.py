"""A graph on a GPU, run from buffers that stay where they are.

On a GPU, a shape that was never run before costs an allocation and a new choice of kernels, and each run that takes
numpy arrays copies them through memory that is made for it. So batches are padded to a few shapes, and each shape has
its buffers on the device, to which inputs are copied and from which the result is read (ONNX Runtime's I/O binding).
"""

from dataclasses import dataclass, field

import numpy as np
import onnxruntime

from service.encoder.contract import Vectors
from service.encoder.manifest import GraphSpec
from service.encoder.tokenization import Ids

MULTIPLE = 16
"""Lengths are rounded up to it below `FINE`; beyond, to eighths of a power of two, so that padding stays small."""
FINE = 128


def bucket(texts: int, tokens: int, max_tokens: int) -> tuple[int, int]:
    """The shape that a batch is padded to: texts to a power of two, tokens to one of a few lengths.

    Example:
        >>> bucket(5, 12, 512), bucket(3, 130, 512), bucket(1, 500, 512)
        ((8, 16), (4, 144), (1, 512))
    """
    step = MULTIPLE if tokens <= FINE else max(MULTIPLE, 1 << (tokens - 1).bit_length() - 4)
    longest = min(-(-tokens // step) * step, max(tokens, max_tokens))
    return 1 << (texts - 1).bit_length(), longest


@dataclass(slots=True)
class _Buffers:
    """What one shape is run from."""

    binding: onnxruntime.IOBinding
    inputs: dict[str, onnxruntime.OrtValue]
    output: onnxruntime.OrtValue


@dataclass(slots=True)
class BoundGraph:
    """Runs a session by I/O binding, with buffers for each shape that it meets.

    Attributes:
        session: of the graph.
        spec: how to call it.
        dim: length of a vector.
        max_tokens: longest input of the model.
        device: of the buffers, as ONNX Runtime names it: cuda, or cpu for tests.
    """

    session: onnxruntime.InferenceSession
    spec: GraphSpec
    dim: int
    max_tokens: int
    device: str
    _buffers: dict[tuple[int, int], _Buffers] = field(default_factory=dict)

    @property
    def provider(self) -> str:
        """The execution provider that runs the graph."""
        return str(self.session.get_providers()[0])

    def shape(self, texts: int, tokens: int) -> tuple[int, int]:
        """See `bucket`."""
        return bucket(texts, tokens, self.max_tokens)

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Vectors:
        """Unit vectors (batch, dim) float32 of padded token ids (batch, tokens), in one of the shapes of `shape`."""
        rows, tokens = input_ids.shape
        buffers = self._buffers.get((rows, tokens))
        if buffers is None:
            buffers = self._buffers[rows, tokens] = self._allocate(rows, tokens)
        buffers.inputs["input_ids"].update_inplace(np.ascontiguousarray(input_ids))
        buffers.inputs["attention_mask"].update_inplace(np.ascontiguousarray(attention_mask))
        self.session.run_with_iobinding(buffers.binding)
        # A copy: on the CPU the array would be the buffer itself, which the next run writes over.
        return np.array(buffers.output.numpy(), dtype=np.float32)

    def _allocate(self, rows: int, tokens: int) -> _Buffers:
        """Buffers of one shape. Token types are all 0, and so are written once."""
        zeros = np.zeros((rows, tokens), np.int64)
        inputs: dict[str, onnxruntime.OrtValue] = {
            str(name): onnxruntime.OrtValue.ortvalue_from_numpy(zeros.copy(), self.device, 0)
            for name in self.spec.inputs
        }
        output = onnxruntime.OrtValue.ortvalue_from_shape_and_type((rows, self.dim), np.float32, self.device, 0)
        binding = self.session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_ortvalue_output(self.spec.output, output)
        return _Buffers(binding, inputs, output)

"""Opens an exported graph in ONNX Runtime, on the best provider that really works."""

import contextlib
import ctypes
import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime

from service.encoder.bound import BoundGraph
from service.encoder.errors import ModelFolderError
from service.encoder.layout import Feeds, a_row_each, pack
from service.encoder.manifest import MODEL_FILE, GraphSpec, Manifest
from service.encoder.rows import RowPolicy
from service.encoder.tokenization import Tokens
from service.vectors import Vectors

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

_log = logging.getLogger(__name__)


class Graph(Protocol):
    """A graph that is ready to run."""

    @property
    def provider(self) -> str:
        """The execution provider that runs it."""
        ...

    @property
    def rows(self) -> RowPolicy:
        """How texts fill the rows of its batches."""
        ...

    @property
    def overlaps(self) -> bool:
        """Whether a run goes on elsewhere after `start` has returned."""
        ...

    def padded_length(self, tokens: int) -> int:
        """Tokens that a text of so many is padded to, whatever it is run with."""
        ...

    def prepare(self) -> bool:
        """Do one more of the things that a first run of its kind would wait for; whether there are others."""
        ...

    def lay_out(self, batch: Sequence[Tokens]) -> Feeds:
        """The arrays that the graph takes for a batch."""
        ...

    def start(self, feeds: Feeds) -> Callable[[], Vectors]:
        """Begin a run on what `lay_out` gave.

        Returns:
            What waits for it and gives its unit vectors (batch or more, dim), in the batch's order; to be called once.
        """
        ...


def open_graph(folder: Path, manifest: Manifest, *, force_cpu: bool = False) -> Graph:
    """The folder's graph, on CUDA where that is usable and not forbidden, else on the CPU.

    Raises:
        ModelFolderError: the file is no graph that ONNX Runtime can run, or not the one the manifest describes.
    """
    providers = [CPU] if force_cpu or not cuda_usable() else [CUDA, CPU]
    path = folder / MODEL_FILE
    try:
        session = onnxruntime.InferenceSession(str(path), session_options(), providers=providers)
    except Exception as error:  # its exception classes share no other base
        raise ModelFolderError(f"{path} cannot be opened: {error}") from error
    _check_names(session, manifest.graph)
    if session.get_providers()[0] == CUDA:
        return BoundGraph(session, manifest, "cuda")
    return OnnxGraph(session, manifest)


class OnnxGraph:
    """A graph in an ONNX Runtime session on the CPU, run on batches just as large as they are: padding costs there.

    Args:
        session: of the graph.
        manifest: of its folder.
        share_rows: let texts share rows, where the graph takes such.
    """

    overlaps = False

    def __init__(self, session: onnxruntime.InferenceSession, manifest: Manifest, *, share_rows: bool = True) -> None:
        self._session = session
        self._manifest = manifest
        self._rows = packed_rows(manifest.dim) if manifest.graph.packs and share_rows else RowPolicy()

    @property
    def provider(self) -> str:
        """The execution provider that runs the graph."""
        return str(self._session.get_providers()[0])

    @property
    def rows(self) -> RowPolicy:
        """Texts share rows where the graph takes such."""
        return self._rows

    def padded_length(self, tokens: int) -> int:
        """Its own: no shape is faster than the one that just holds it."""
        return tokens

    def prepare(self) -> bool:
        """On a CPU no shape costs more the first time."""
        return False

    def lay_out(self, batch: Sequence[Tokens]) -> Feeds:
        """Shared rows, or a row for each text, padded to the longest."""
        if self._rows.packs:
            return pack(batch, self._rows, pad_token_id=self._manifest.pad_token_id)
        return a_row_each(batch, self._manifest)

    def start(self, feeds: Feeds) -> Callable[[], Vectors]:
        """Run a batch at once; the function returned gives the vectors (batch, dim)."""
        (vectors,) = self._session.run([self._manifest.graph.output], feeds)
        finished: Vectors = np.asarray(vectors, dtype=np.float32)
        return lambda: finished


def packed_rows(dim: int) -> RowPolicy:
    """How texts share rows on a CPU, by the width of the model.

    Up to about a hundred tokens a row is as fast as shorter ones, and holds several short texts. Attention is
    tokens / 6 dim of a layer's other products, but in small products for each head, so that by measurement a row costs
    twice its tokens at about 4 dim already.
    """
    return RowPolicy(row_tokens=96, span=4.0 * dim)


def _check_names(session: onnxruntime.InferenceSession, spec: GraphSpec) -> None:
    inputs = {value.name for value in session.get_inputs()}
    outputs = {value.name for value in session.get_outputs()}
    if inputs != set(spec.inputs) or spec.output not in outputs:
        raise ModelFolderError(
            f"the graph takes {sorted(inputs)} and gives {sorted(outputs)} where the manifest says "
            f"{sorted(spec.inputs)} and {spec.output}; export the model again"
        )


def session_options() -> onnxruntime.SessionOptions:
    """Options of a session that serves texts of every length for months, on the CPUs that this process has."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cpus()
    options.inter_op_num_threads = 1
    # A memory pattern is kept for each shape that was ever run, and with lengths that vary there is no end of shapes.
    # The arena stays on: it keeps the largest blocks ever asked for, and since a batch is bounded, so are they. See
    # bench/results/serving for what each of them costs and saves.
    options.enable_mem_pattern = False
    # Threads wait for each other in a spin, which is quicker than being woken; but after a run they would go on for
    # some milliseconds, on the very cores that then judge, write to Postgres and answer.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def cuda_usable() -> bool:
    """Whether the CUDA provider would load here and has a device.

    Asked beforehand, because ONNX Runtime logs an error for each provider that it is given and cannot load.
    """
    if CUDA not in onnxruntime.get_available_providers() or _cuda_devices() == 0:
        return False
    # It prints what it could not load instead of raising.
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        onnxruntime.preload_dlls()
    if printed.getvalue():
        _log.warning("there is a CUDA device, but CUDA's libraries do not load; using the CPU: %s", printed.getvalue())
        return False
    return True


def _cuda_devices() -> int:
    """How many devices the CUDA driver shows to this process; 0 without a driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def available_cpus(cgroup_root: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self/cgroup")) -> int:
    """How many threads can run at once: the CPUs this process may use, within its container's quota; at least 1.

    A quota's fraction is dropped: a thread more than the quota gets all of them throttled.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *(int(quota) for quota in _cpu_quotas(cgroup_root, process))]))


def _cpu_quotas(cgroup_root: Path, process: Path) -> Iterator[float]:
    """The quotas, in CPUs, of the process's control group (version 2) and of all above it."""
    try:
        lines = process.read_text().splitlines()
    except OSError:
        return
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
    if own is None:
        return
    group = cgroup_root / own.lstrip("/")
    for folder in [group, *group.parents]:
        if not folder.is_relative_to(cgroup_root):
            return
        with contextlib.suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max":
                yield int(quota) / int(period)

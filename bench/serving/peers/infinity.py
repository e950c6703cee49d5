"""infinity's server as a process of its own, on a free port."""

import base64
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import numpy as np
from numpy.typing import NDArray

from bench.serving.peers.layout import Layout

Engine = Literal["torch", "optimum"]
Format = Literal["float", "base64"]
Vectors = NDArray[np.float32]

ENGINES: tuple[Engine, ...] = ("torch", "optimum")
SERVED_NAME = "model"
START_SECONDS, STOP_SECONDS = 120.0, 20.0
MAX_TEXTS = 2048
"""Of one request: OpenAI's limit, which infinity keeps."""


class InfinityError(Exception):
    """The server did not start; the message holds its last lines."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to ask a running server for vectors.

    Attributes:
        url: POST to here.
        engine: torch or optimum.
    """

    url: str
    engine: Engine

    def body(self, texts: Sequence[str], encoding: Format = "float") -> bytes:
        """The body of one request, of at most MAX_TEXTS texts."""
        asked = {"model": SERVED_NAME, "input": list(texts), "encoding_format": encoding}
        return json.dumps(asked, ensure_ascii=False).encode()

    @staticmethod
    def vectors(response: bytes) -> Vectors:
        """The (n, dim) float32 vectors of a response in either format."""
        found = [one["embedding"] for one in json.loads(response)["data"]]
        if found and isinstance(found[0], str):
            return np.stack([np.frombuffer(base64.b64decode(one), "<f4") for one in found])
        return np.asarray(found, np.float32)


@contextmanager
def infinity(layout: Layout, engine: Engine, *, threads: int, batch_size: int = 32) -> Iterator[Endpoint]:
    """Run infinity's server on the local model until the block ends.

    Without its caches and without counting tokens, which Swerve's `POST /encode` does not do either.

    Args:
        layout: what `install` made.
        engine: torch, with BetterTransformer, or optimum, with the fused graph.
        threads: of the torch engine; the optimum engine takes one for each CPU that the process may use.
        batch_size: texts that run together at most.

    Raises:
        InfinityError: it does not start.
    """
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="infinity-") as scratch:
        log = Path(scratch) / "log"
        with (
            log.open("w") as output,
            subprocess.Popen(
                _command(layout, engine, port, batch_size),
                cwd=layout.infinity_model,  # of a model elsewhere, infinity finds the graph but cannot open it
                env=_environment(threads, Path(scratch)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            ) as process,
        ):
            try:
                _wait_until_ready(f"http://127.0.0.1:{port}/health", process, log)
                yield Endpoint(f"http://127.0.0.1:{port}/embeddings", engine)
            finally:
                _stop(process)


def _command(layout: Layout, engine: Engine, port: int, batch_size: int) -> list[str]:
    environment = layout.environment("infinity" if engine == "torch" else "infinity-optimum")
    options = {
        "--model-id": ".",
        "--served-model-name": SERVED_NAME,
        "--engine": engine,
        "--device": "cpu",
        "--dtype": "float32",
        "--pooling-method": "mean",  # the optimum engine takes the first token's vector unless told
        "--batch-size": str(batch_size),
        "--host": "127.0.0.1",
        "--port": str(port),
        "--log-level": "warning",  # a line for each request is not part of the work
    }
    flags = ["--no-vector-disk-cache", "--no-lengths-via-tokenize", "--onnx-disable-optimize"]
    flags += ["--onnx-do-not-prefer-quantized"]
    return [
        str(environment / "bin" / "infinity_emb"),
        "v2",
        *(part for pair in options.items() for part in pair),
        *flags,
    ]


def _environment(threads: int, scratch: Path) -> dict[str, str]:
    """Offline, without telemetry, and without infinity's settings of the caller's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INFINITY_")}
    return kept | {
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(scratch / "hub"),
        "OMP_NUM_THREADS": str(threads),
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    said = "\n".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-15:])
    raise InfinityError(f"infinity did not start:\n{said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)

"""Encoders side by side: each repeats the same work, in turns, so that noise of the machine falls on all alike."""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from bench.serving.peers.layout import HERE, python_of
from service.encoder import OnnxEncoder

Vectors = NDArray[np.float32]
Repetition = Callable[[], float]
"""Encodes all texts once and tells the seconds it took."""

SCRIPT = HERE / "in_process.py"
BATCH_SIZES = (8, 16, 32, 64, 128)
SAME_MODEL_COSINE = 0.999
STOP_SECONDS = 30


class PeerError(Exception):
    """A peer ended, or said what was not expected; the message holds its last lines."""


class DifferentModelError(Exception):
    """A peer's vectors are not those of the same model, so that its speed says nothing."""


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """What was measured of one encoder.

    Attributes:
        engine: its name.
        versions: of its packages.
        setting: what it ran with, by its own choice of the fastest.
        texts: texts of a repetition.
        seconds: of each repetition.
        vectors: (texts, dim) float32.
    """

    engine: str
    versions: Mapping[str, str]
    setting: Mapping[str, str | int]
    texts: int
    seconds: tuple[float, ...]
    vectors: Vectors

    @property
    def best(self) -> float:
        """Texts a second of the fastest repetition."""
        return self.texts / min(self.seconds)

    @property
    def median(self) -> float:
        """Texts a second of the median repetition."""
        return self.texts / median(self.seconds)


@dataclass(frozen=True, slots=True)
class InProcessPeer:
    """A peer that is loaded, warm, and waits for `repeat`.

    Attributes:
        engine: its name.
        versions: of its packages.
        setting: the fastest of those tried.
        texts: texts of a repetition.
        vectors: (texts, dim) float32, of the texts in their order.
        process: the script that holds it.
        log: where its standard error goes.
    """

    engine: str
    versions: Mapping[str, str]
    setting: Mapping[str, str | int]
    texts: int
    vectors: Vectors
    process: subprocess.Popen[str]
    log: Path

    def repeat(self) -> float:
        """Have all texts encoded once; the seconds it took, by the peer's own clock.

        Raises:
            PeerError: it ended.
        """
        _say(self.process, "run", self.log)
        return float(_answer(self.process, self.log)["seconds"])

    def figures(self, seconds: Sequence[float]) -> PeerFigures:
        """What was measured, of repetitions made with `repeat`."""
        return PeerFigures(self.engine, self.versions, self.setting, self.texts, tuple(seconds), self.vectors)


@contextmanager
def open_in_process(
    environment: Path,
    engine: str,
    texts: Sequence[str],
    *,
    model: Path,
    threads: int,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    script: Path = SCRIPT,
) -> Iterator[InProcessPeer]:
    """Start a peer in its environment, and end it with the block.

    Args:
        environment: its virtual environment.
        engine: as `in_process.py` names it.
        texts: what a repetition encodes; all different, for Swerve encodes a text that comes twice once.
        model: its model folder.
        threads: of the model.
        batch_sizes: those to choose from.
        script: what to run there.

    Raises:
        PeerError: it does not start, with what it said.
    """
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        given, vectors, log = (Path(folder) / name for name in ("texts.json", "vectors.npy", "log"))
        given.write_text(json.dumps(list(texts)), encoding="utf-8")
        command = [str(python_of(environment)), "-P", str(script), engine, str(model), str(given)]
        command += ["--threads", str(threads), "--vectors", str(vectors)]
        command += ["--batch-sizes", *map(str, batch_sizes)]
        with (
            log.open("w") as errors,
            subprocess.Popen(
                command,
                env=_environment(threads),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                ready = _answer(process, log)
                yield InProcessPeer(
                    engine=ready["engine"],
                    versions=ready["versions"],
                    setting=ready["setting"],
                    texts=ready["texts"],
                    vectors=np.load(vectors),
                    process=process,
                    log=log,
                )
            finally:
                _stop(process)


def in_process(
    environment: Path,
    engine: str,
    texts: Sequence[str],
    *,
    model: Path,
    threads: int,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    repeats: int = 5,
) -> PeerFigures:
    """Measure one peer alone; to compare, open several and `take_turns`.

    Raises:
        PeerError: it does not start, or ended, with what it said.
    """
    with open_in_process(environment, engine, texts, model=model, threads=threads, batch_sizes=batch_sizes) as peer:
        return peer.figures([peer.repeat() for _ in range(repeats)])


@contextmanager
def open_swerve(model: Path, texts: Sequence[str]) -> Iterator[tuple[Repetition, Vectors]]:
    """Swerve's own encoder on the CPU, without its cache: a repetition, and the texts' vectors."""
    encoder = OnnxEncoder.load(model, cache_texts=0, capacity_texts=len(texts), force_cpu=True)

    async def encode() -> Vectors:
        with encoder.admit(len(texts)) as permit:
            return (await encoder.encode(texts, permit)).vectors

    try:
        with asyncio.Runner() as runner:

            def repeat() -> float:
                began = time.perf_counter()
                runner.run(encode())
                return time.perf_counter() - began

            yield repeat, runner.run(encode())
    finally:
        encoder.close()


def take_turns(repetitions: Mapping[str, Repetition], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, by name, measured in turns: A B C, A B C, and so on.

    Example:
        >>> take_turns({"a": lambda: 1.0, "b": lambda: 2.0}, 2)
        {'a': [1.0, 1.0], 'b': [2.0, 2.0]}
    """
    seconds: dict[str, list[float]] = {name: [] for name in repetitions}
    for _ in range(rounds):
        for name, repeat in repetitions.items():
            seconds[name].append(repeat())
    return seconds


def lowest_cosine(ours: Vectors, theirs: Vectors) -> float:
    """The lowest cosine between two encoders' vectors (n, dim) of one text.

    Raises:
        DifferentModelError: the shapes differ, or it is below 0.999.
    """
    if ours.shape != theirs.shape:
        raise DifferentModelError(f"vectors of shape {theirs.shape} where ours are {ours.shape}")
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        lowest = float(((ours * theirs).sum(axis=1) / lengths).min())
    if not lowest >= SAME_MODEL_COSINE:  # not a number, too
        raise DifferentModelError(f"cosine {lowest:.4f} with ours, at least {SAME_MODEL_COSINE} is the same model")
    return lowest


def post_all(url: str, bodies: Sequence[bytes], *, at_once: int) -> tuple[float, list[bytes]]:
    """POST all bodies, so many at a time; the seconds from the first to the last answer, and the answers in order.

    The client neither writes nor reads JSON while the clock runs, so that it costs both sides of a comparison alike.

    Raises:
        httpx.HTTPError: a request failed.
    """
    return asyncio.run(_post_all(url, bodies, at_once))


async def _post_all(url: str, bodies: Sequence[bytes], at_once: int) -> tuple[float, list[bytes]]:
    slots = asyncio.Semaphore(at_once)
    async with httpx.AsyncClient(timeout=300, limits=httpx.Limits(max_connections=at_once)) as client:

        async def post(body: bytes) -> bytes:
            async with slots:
                answer = await client.post(url, content=body, headers=_JSON)
                return answer.raise_for_status().content

        began = time.perf_counter()
        answers = await asyncio.gather(*map(post, bodies))
        return time.perf_counter() - began, list(answers)


_JSON = MappingProxyType({"content-type": "application/json"})


def _environment(threads: int) -> dict[str, str]:
    """Offline, and the same number of threads in every library that asks the environment."""
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true", "ORT_DISABLE_TELEMETRY": "1"}
    return os.environ | quiet | {"OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}


def _say(process: subprocess.Popen[str], line: str, log: Path) -> None:
    if process.stdin is None:
        raise PeerError("the peer was started without standard input")
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        raise PeerError(_last_words(process, log)) from None


def _answer(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout else ""
    try:
        answer: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        raise PeerError(_last_words(process, log, line)) from None
    return answer


def _last_words(process: subprocess.Popen[str], log: Path, line: str = "") -> str:
    if line:
        return f"the peer said {line.strip()!r} where a line of JSON was expected"
    process.wait(STOP_SECONDS)
    said = "\n".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-10:])
    return f"the peer ended with {process.returncode}:\n{said}"


def _stop(process: subprocess.Popen[str]) -> None:
    """The end of its input ends it."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()

"""The detectors that are compared, each as a statistic over one history."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from bench.detection.peers import PEERS, kernel_cpd
from service.evaluation.baselines import BASELINES
from service.evaluation.judges import Judge, over
from service.evaluation.streams import Stream
from service.vectors import Vectors

OFFLINE, ALIBI = "ruptures kernel, sees the future", "alibi online MMD"
KSWIN = "river KSWIN"
ALIBI_SCRIPT = Path(__file__).parent / "alibi.py"


def others(vectors: Vectors) -> dict[str, Judge]:
    """The plain rules, and the published detectors that run in this environment."""
    return over(vectors, {**BASELINES, **PEERS})


def offline(vectors: Vectors) -> Callable[[Stream], tuple[int, float]]:
    """The best single split of a whole history, and how much it gains."""
    return lambda stream: kernel_cpd(vectors[stream.items])


def alibi(python: Path, vectors: Vectors, streams: Mapping[str, list[Stream]]) -> Judge:
    """alibi-detect's online MMD, computed for all histories at once in the environment of another Python."""
    everyone = [stream for some in streams.values() for stream in some]
    offsets = np.cumsum([0, *(len(stream) for stream in everyone)])
    items = np.concatenate([stream.items for stream in everyone])
    with TemporaryDirectory() as folder:
        given, taken = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(given, vectors=vectors[items], offsets=offsets)
        subprocess.run([python, "-P", ALIBI_SCRIPT, given, taken], check=True)
        with np.load(taken) as found:
            statistic: NDArray[np.float64] = found["statistic"]
    known = {id(stream): statistic[a:b] for stream, a, b in zip(everyone, offsets[:-1], offsets[1:], strict=True)}
    return lambda stream: known[id(stream)]

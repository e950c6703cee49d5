"""The training and the ranking as processes of their environment."""

import os
import subprocess
from pathlib import Path

from bench.recommend.sequential.exchange import Answer, Work, read_answer, write_work

ROOT = Path(__file__).parents[3]
"""Where `bench` lies."""
NICE = ("nice", "-n", "15")
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**33), "MALLOC_TRIM_THRESHOLD_": str(2**34), "MALLOC_TOP_PAD_": str(2**28)}
"""glibc keeps what a step gave back, rather than have the system clear it for the next: half the time of a step."""


class ProcessError(Exception):
    """A process failed; the message holds its last lines."""


def train(python: Path, work: Work, folder: Path, *, seconds: float, seed: int) -> Path:
    """Train a model, unless the folder holds one already: the file with it.

    Args:
        python: of the environment that `install` made.
        work: what to train on.
        folder: for arrays and the model.
        seconds: of the processor, about.
        seed: of the training.

    Raises:
        ProcessError: it failed.
    """
    model, asked = folder / "model", folder / "work.npz"
    folder.mkdir(parents=True, exist_ok=True)
    if not model.exists():
        write_work(work, asked)
        _run(python, "train", str(asked), str(model), "--seconds", str(seconds), "--seed", str(seed))
    return model


def rank(python: Path, work: Work, model: Path) -> Answer:
    """Rank the targets with a model.

    Raises:
        ProcessError: it failed, or the model is of other fit users.
    """
    asked, answer = model.with_name("work.npz"), model.with_name("answer.npz")
    write_work(work, asked)
    _run(python, "rank", str(asked), str(model), str(answer))
    return read_answer(answer)


def _run(python: Path, module: str, *arguments: str) -> None:
    command = [*NICE, str(python), "-m", f"bench.recommend.sequential.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | MEMORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProcessError(f"this failed: {' '.join(command)}\n" + "\n".join(done.stderr.strip().splitlines()[-8:]))

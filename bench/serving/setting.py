"""What every part of the benchmark is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Setting:
    """Texts, model and how long to measure.

    Attributes:
        texts: distinct real texts, in random order.
        model: exported model folder.
        peers: folder that `python -m bench.serving.peers.install` made; None leaves the peers out.
        reference: the same model as sentence-transformers keeps it, for the GPU's part; None leaves the peer out there.
        brief: a run that shows that everything works, too short to mean anything.
        seed: of everything random.
        progress: told what is going on.
    """

    texts: Sequence[str]
    model: Path
    peers: Path | None
    reference: Path | None
    brief: bool
    seed: int
    progress: Callable[[str], None]

    @property
    def random(self) -> np.random.Generator:
        """A generator of its own for each part, so that parts can be run alone."""
        return np.random.default_rng(self.seed)

    def lasting(self, seconds: float) -> float:
        """How long to measure what takes that many seconds in a full run."""
        return min(seconds, 2.0) if self.brief else seconds

"""Where `install` puts what the peers need, below one folder."""

from dataclasses import dataclass
from pathlib import Path

ENVIRONMENTS = ("sentence-transformers", "infinity", "infinity-optimum", "fastembed")
"""Each has a file requirements-NAME.txt here."""
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the installation's folder.

    Attributes:
        root: the folder given to `install`.
    """

    root: Path

    def environment(self, name: str) -> Path:
        """The virtual environment of that name."""
        return self.root / "environments" / name

    @property
    def model(self) -> Path:
        """A sentence-transformers folder with its graphs in `onnx/`; fastembed reads it, too."""
        return self.root / "models" / "sentence-transformers"

    @property
    def infinity_model(self) -> Path:
        """The same with the fused graph as `model.onnx` at the top, the only place where infinity finds it."""
        return self.root / "models" / "infinity"


def requirements(name: str) -> Path:
    """The pins of an environment."""
    return HERE / f"requirements-{name}.txt"


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / "bin" / "python"

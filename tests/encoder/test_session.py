"""Where and how ONNX Runtime runs the graph."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from service.encoder import OnnxEncoder, read_manifest, session
from service.encoder.session import CPU, CUDA, available_cpus, cuda_usable, open_graph, session_options
from service.encoder.tokenization import Tokens
from service.vectors import Vectors

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def control_groups(tmp_path: Path) -> Callable[..., int]:
    """Counts the CPUs of a process in control group /outer/inner with these files `cpu.max`."""

    def count(outer: str | None = None, inner: str | None = None, line: str = "0::/outer/inner") -> int:
        folder = tmp_path / "cgroup" / "outer" / "inner"
        folder.mkdir(parents=True)
        for target, content in ((folder.parent, outer), (folder, inner)):
            if content is not None:
                (target / "cpu.max").write_text(content)
        process = tmp_path / "process"
        process.write_text(f"12:cpu:/elsewhere\n{line}\n")
        return available_cpus(tmp_path / "cgroup", process)

    return count


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("outer", "inner", "cpus"),
    [
        (None, None, 8),
        (None, "max 100000\n", 8),
        (None, "200000 100000\n", 2),
        (None, "350000 100000\n", 3),
        (None, "50000 100000\n", 1),
        (None, "9900000 100000\n", 8),
        ("400000 100000\n", "max 100000\n", 4),
        ("400000 100000\n", "600000 100000\n", 4),
        (None, "nonsense", 8),
    ],
)
def test_cpus_are_limited_by_quotas(
    control_groups: Callable[..., int], outer: str | None, inner: str | None, cpus: int
) -> None:
    assert control_groups(outer, inner) == cpus


def test_cpus_in_a_container_that_sees_itself_as_the_root(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("200000 100000")
    (tmp_path / "process").write_text("0::/\n")
    assert available_cpus(tmp_path, tmp_path / "process") == 2


def test_cpus_without_control_groups(tmp_path: Path, control_groups: Callable[..., int]) -> None:
    assert available_cpus(tmp_path, tmp_path / "absent") == 8
    assert control_groups("100000 100000", line="1:name=systemd:/") == 8


def test_options_keep_memory_from_creeping() -> None:
    options = session_options()
    assert not options.enable_mem_pattern
    assert options.intra_op_num_threads == available_cpus()


def test_no_device_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_cuda_devices", lambda: 0)
    assert not cuda_usable()


def test_device_without_libraries_no_cuda(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "_cuda_devices", lambda: 1)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: sys.stdout.write("Failed to load libcudart.so"))
    assert not cuda_usable()
    assert "libcudart.so" in caplog.text
    assert capsys.readouterr().out == ""


def test_device_with_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_cuda_devices", lambda: 1)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    assert cuda_usable()


def test_graph_runs_as_it_was_written(
    write_folder: Callable[..., Path], words: list[str], bag_of_words: Callable[[str], Vectors]
) -> None:
    folder = write_folder()
    graph = open_graph(folder, read_manifest(folder), force_cpu=True)
    batch = [
        Tokens([words.index(word) for word in text.split()], truncated=False) for text in ("trail shoes", "running")
    ]
    vectors = graph.start(graph.lay_out(batch))()
    expected = [bag_of_words("trail shoes"), bag_of_words("running")]
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert graph.provider == CPU


def test_loading_logs_nothing(write_folder: Callable[..., Path], capfd: pytest.CaptureFixture[str]) -> None:
    OnnxEncoder.load(write_folder()).close()
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out == ""


def test_serving_needs_neither_torch_nor_transformers(model_dir: Path) -> None:
    program = f"""
import asyncio, pathlib, sys
from service.encoder import OnnxEncoder
encoder = OnnxEncoder.load(pathlib.Path({str(model_dir)!r}))
assert asyncio.run(encoder.canary())
encoder.close()
print(sorted({{"torch", "transformers", "optimum", "onnx"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"

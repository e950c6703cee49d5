"""The lock files agree with one another and never bring two builds of ONNX Runtime together."""

import importlib.metadata
from itertools import product

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

LOCKS = ("runtime", "gpu", "export", "development")
PLATFORMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]


def requirements(lock: str) -> list[Requirement]:
    lines = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line.rstrip("\\ ")) for line in lines if line[:1].isalpha()]


def chosen(lock: str, system: str, machine: str) -> dict[str, str]:
    """What a lock file installs on a platform: name and version."""
    where = {"sys_platform": system, "platform_machine": machine, "python_full_version": "3.11.0"}
    return {
        item.name: str(item.specifier).removeprefix("==")
        for item in requirements(lock)
        if item.marker is None or item.marker.evaluate(where)
    }


@pytest.mark.parametrize(("lock", "platform"), list(product(LOCKS, PLATFORMS)))
def test_there_is_one_onnx_runtime(lock: str, platform: tuple[str, str]) -> None:
    found = {name for name in chosen(lock, *platform) if name.startswith("onnxruntime")}
    assert found == {"onnxruntime-gpu" if platform == ("linux", "x86_64") else "onnxruntime"}


@pytest.mark.parametrize(("lock", "platform"), list(product(LOCKS[1:], PLATFORMS)))
def test_every_lock_has_the_runtime_in_its_versions(lock: str, platform: tuple[str, str]) -> None:
    runtime = chosen("runtime", *platform).items()
    assert runtime <= chosen(lock, *platform).items()


@pytest.mark.parametrize("lock", ["runtime", "gpu"])
def test_what_goes_into_an_image_is_hashed(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    blocks = text.replace("\\\n", " ").splitlines()
    assert [line.split()[0] for line in blocks if "--hash=sha256:" not in line] == []


def test_the_gpu_has_the_cuda_and_cudnn_that_onnx_runtime_was_built_for() -> None:
    try:
        wanted = map(Requirement, importlib.metadata.requires("onnxruntime-gpu") or [])
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("onnxruntime-gpu is not installed on this platform")
    extras = [
        item for item in wanted if item.marker and any(item.marker.evaluate({"extra": e}) for e in ("cuda", "cudnn"))
    ]
    libraries = [item for item in extras if item.name.startswith("nvidia-")]
    assert {"nvidia-cuda-runtime", "nvidia-cudnn-cu13"} <= {item.name for item in libraries}
    locked = chosen("gpu", "linux", "x86_64")
    assert [str(item) for item in libraries if not item.specifier.contains(locked.get(item.name, "0"))] == []

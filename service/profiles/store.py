"""Reading and writing a profile file."""

import hashlib
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from service.detection.bayes import BayesParams
from service.detection.evidence import FEATURES
from service.detection.fusion import Fusion
from service.detection.profile import Profile, ProfileError

FORMAT = 2
DEFAULT_PROFILE = Path(__file__).parent / "default.safetensors"
"""Shipped with the project, for the default model."""

_ARRAYS: dict[str, DTypeLike] = {
    "center": np.float32, "projection": np.float16, "prototypes": np.float16, "background": np.float32,
    "groups": np.uint16,
}  # fmt: skip
"""Prototypes and the projection in half precision: their cosines are good to 0.001, and the file is half as large."""
_NUMBERS = ("temperature", "nearest", "mix", "threshold", "behaviors_per_false_alarm")
_NODES = ("feature", "threshold", "left", "right", "value", "roots")


class ProfileMismatchError(ProfileError):
    """The profile was made for another model."""


def summary(profile: Profile) -> dict[str, Any]:
    """Everything of a profile but its arrays, ready for JSON."""
    numbers = {name: getattr(profile, name) for name in _NUMBERS}
    return {
        "format": FORMAT,
        "id": profile.id,
        "space": profile.space,
        **numbers,
        "params": asdict(profile.params),
        "fusion": None
        if profile.fusion is None
        else {
            "features": list(FEATURES),
            "trees": len(profile.fusion.roots),
            "scale": profile.fusion.scale,
            "offset": profile.fusion.offset,
        },
        "ladder": [list(step) for step in profile.ladder],
        "labels": list(profile.labels),
    }


def identify(profile: Profile) -> Profile:
    """The profile with its id: the first 16 hex digits of the SHA-256 of its content."""
    content = {key: value for key, value in summary(profile).items() if key != "id"}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for array in _stored(profile).values():
        digest.update(array.tobytes())
    return replace(profile, id=digest.hexdigest()[:16])


def save_profile(profile: Profile, path: Path) -> None:
    """Write a profile file, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    metadata = {"profile": json.dumps(summary(profile), ensure_ascii=False, sort_keys=True)}
    save_file(_stored(profile), temporary, metadata=metadata)
    temporary.chmod(0o644)  # the library makes it private; a profile is read by whoever runs the service
    temporary.replace(path)


def load_profile(path: Path, *, space: str) -> Profile:
    """Read a profile file.

    Args:
        path: the file.
        space: `ModelInfo.space` of the model that it is to be used with.

    Raises:
        ProfileError: missing, damaged or of another format.
        ProfileMismatchError: made for another model.
    """
    try:
        with safe_open(path, "numpy") as file:
            told = json.loads((file.metadata() or {})["profile"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except FileNotFoundError as error:
        raise ProfileError(f"no profile at {path}; check SWERVE_PROFILE") from error
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise ProfileError(f"{path} is not a profile file, or is damaged: {error}") from error
    if told.get("format") != FORMAT:
        raise ProfileError(f"{path} has profile format {told.get('format')}, this version reads {FORMAT}: make it anew")
    if told["space"] != space:
        raise ProfileMismatchError(
            f"{path} was made for the vector space {told['space'][:12]}, the model's is {space[:12]}: "
            "make a profile for this model, or load the model that it was made for"
        )
    if told["fusion"] and (asked := told["fusion"]["features"]) != list(FEATURES[: len(asked)]):
        raise ProfileError(f"{path} judges by other figures than this version's: make it anew")
    return _assemble(told, arrays)


def profile_for(space: str, path: Path | None) -> Profile | None:
    """The given profile; without one the shipped one, or None where that was made for another model.

    Raises:
        ProfileError: as `load_profile`.
    """
    if path is not None:
        return load_profile(path, space=space)
    try:
        return load_profile(DEFAULT_PROFILE, space=space)
    except ProfileMismatchError:
        return None


def _assemble(told: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Profile:
    """The profile of what a file says."""
    # Computed in the precision that it was measured in when it was made; contiguous, as compiled code wants it.
    wide: dict[str, Any] = {
        name: np.ascontiguousarray(arrays[name], np.float32 if np.dtype(dtype).kind == "f" else dtype)
        for name, dtype in _ARRAYS.items()
    }
    fusion = told["fusion"] and Fusion(
        **{name: np.array(arrays[f"fusion.{name}"]) for name in _NODES},
        scale=told["fusion"]["scale"],
        offset=told["fusion"]["offset"],
    )
    known = {item.name for item in fields(BayesParams)}
    return Profile(
        id=told["id"],
        space=told["space"],
        labels=tuple(told["labels"]),
        params=BayesParams(**{key: value for key, value in told["params"].items() if key in known}),
        fusion=fusion,
        ladder=tuple((asked, threshold) for asked, threshold in told["ladder"]),
        **{name: told[name] for name in _NUMBERS},
        **wide,
    )


def _stored(profile: Profile) -> dict[str, NDArray[Any]]:
    """The arrays as they are kept."""
    kept = {name: np.ascontiguousarray(getattr(profile, name), dtype) for name, dtype in _ARRAYS.items()}
    if profile.fusion is not None:
        kept |= {f"fusion.{name}": np.ascontiguousarray(getattr(profile.fusion, name)) for name in _NODES}
    return kept

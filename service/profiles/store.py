"""Reading and writing a profile file."""

import hashlib
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from service.detection.bayes import BayesParams
from service.detection.profile import Profile, ProfileError

FORMAT = 1
DEFAULT_PROFILE = Path(__file__).parent / "default.safetensors"
"""Shipped with the project, for the default model."""

_ARRAYS = ("center", "prototypes", "background")
_NUMBERS = ("temperature", "nearest", "threshold", "behaviors_per_false_alarm")


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
        "labels": list(profile.labels),
    }


def identify(profile: Profile) -> Profile:
    """The profile with its id: the first 16 hex digits of the SHA-256 of its content."""
    content = {key: value for key, value in summary(profile).items() if key != "id"}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for name in _ARRAYS:
        digest.update(_stored(profile, name).tobytes())
    return replace(profile, id=digest.hexdigest()[:16])


def save_profile(profile: Profile, path: Path) -> None:
    """Write a profile file, whole or not at all.

    Prototypes are kept in half precision: their cosines are good to 0.001, and the file is half as large.
    """
    temporary = path.with_suffix(".tmp")
    metadata = {"profile": json.dumps(summary(profile), ensure_ascii=False, sort_keys=True)}
    save_file({name: _stored(profile, name) for name in _ARRAYS}, temporary, metadata=metadata)
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
            arrays = {name: file.get_tensor(name).astype(np.float32) for name in _ARRAYS}
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
    known = {item.name for item in fields(BayesParams)}
    return Profile(
        id=told["id"],
        space=told["space"],
        labels=tuple(told["labels"]),
        params=BayesParams(**{key: value for key, value in told["params"].items() if key in known}),
        **{name: told[name] for name in _NUMBERS},
        **arrays,
    )


def _stored(profile: Profile, name: str) -> np.ndarray[Any, Any]:
    array = getattr(profile, name)
    return np.ascontiguousarray(array, np.float16 if name == "prototypes" else np.float32)

"""Profiles on disk: one safetensors file each, arrays typed and numbers as JSON in its header; never pickled."""

from service.profiles.store import (
    DEFAULT_PROFILE,
    ProfileMismatchError,
    identify,
    load_profile,
    profile_for,
    save_profile,
    summary,
)

__all__ = [
    "DEFAULT_PROFILE",
    "ProfileMismatchError",
    "identify",
    "load_profile",
    "profile_for",
    "save_profile",
    "summary",
]

"""Vectors and profiles of the sets, kept between runs."""

import json
from pathlib import Path

from bench.detection.__main__ import vectors_of
from bench.detection.measure import calibrated
from bench.detection.precision import choice_of
from bench.detection.sources import Source
from bench.recommend.protocol import Set
from bench.recommend.sets import SEED, SHUFFLED, load
from service.detection.profile import Profile
from service.profiles.store import load_profile, save_profile
from service.vectors import Vectors

DETECTION = Path("bench/results/detection")


def read(name: str, data: Path, model: Path, kept: Path) -> tuple[Set, Profile]:
    """A set, and a profile made of its fit users with the numbers that `bench.detection` chose on these.

    Args:
        name: of the set.
        data: folder of the files.
        model: folder of the exported model.
        kept: folder where vectors and profile stay for the next run.
    """
    profiles: list[Profile] = []

    def prepared(source: Source) -> Vectors:
        base = name.removesuffix(SHUFFLED)
        vectors, space = vectors_of(source, model, kept / f"{base}.npz")
        profiles.append(_profile(base, source, vectors, space, kept / f"{base}.profile"))
        return vectors

    some = load(name, data, prepared)
    return some, profiles[0]


def _profile(name: str, source: Source, vectors: Vectors, space: str, path: Path) -> Profile:
    if path.exists():
        return load_profile(path, space=space)
    told = json.loads((DETECTION / f"{name}.json").read_text("utf-8"))["profile"]
    profile = calibrated(source, vectors, space=space, seed=SEED, choice=choice_of(told)).profile
    save_profile(profile, path)
    return profile

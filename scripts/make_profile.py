"""Makes a profile for a model from a file of texts, with hand-set numbers and a measured threshold.

    python scripts/make_profile.py TEXTS.csv --model models/default --out service/profiles/default.safetensors

TEXTS.csv has the columns `text` and `topic`. Prototypes are fitted by k-means on half of each topic's texts. The other
half makes made-up users, each with a few topics and a share of anything at all: on one set of them the threshold is
chosen that gives the asked number of behaviours per false alarm, on a second set, never looked at before, the false
alarms and the changes found are counted. What was measured is printed and written beside the profile as JSON.
"""

import asyncio
import csv
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from service.detection import detector
from service.detection.bayes import BayesParams
from service.detection.profile import Profile
from service.detection.topics import Vectors, assign
from service.encoder import OnnxEncoder
from service.profiles import identify, save_profile

Random = np.random.Generator
CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
NEVER = detector.Rule("bayes", np.inf)


@dataclass(frozen=True)
class Texts:
    """Texts with their vectors (n, dim) and the topic each was filed under (n,)."""

    texts: list[str]
    vectors: Vectors
    topics: NDArray[np.str_]


@dataclass(frozen=True)
class MadeUpUser:
    """A sequence of unit vectors (n, dim), and where in it the interest changes, if it does."""

    vectors: Vectors
    change: int | None


def read(path: Path) -> tuple[list[str], NDArray[np.str_]]:
    """The columns text and topic of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    missing = {"text", "topic"} - set(rows[0] if rows else {})
    if missing:
        raise typer.BadParameter(f"{path} has no column {', '.join(sorted(missing))}")
    return [row["text"] for row in rows], np.array([row["topic"] for row in rows])


async def encode(encoder: OnnxEncoder, texts: list[str], chunk: int = 512) -> Vectors:
    """Vectors (n, dim) of all texts."""
    parts = []
    for start in track(range(0, len(texts), chunk), description="encoding"):
        some = texts[start : start + chunk]
        with encoder.admit(len(some)) as permit:
            parts.append((await encoder.encode(some, permit)).vectors)
    return np.concatenate(parts)


def fit(texts: Texts, space: str, *, k: int, temperature: float, nearest: int, seed: int) -> Profile:
    """Prototypes, background and labels from texts; threshold still open."""
    center = texts.vectors.mean(axis=0)
    centred = texts.vectors - center
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    means = KMeans(k, n_init=2, random_state=seed).fit(centred).cluster_centers_
    prototypes = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    assigned = assign(texts.vectors, center=center, prototypes=prototypes, temperature=temperature, nearest=nearest)
    counts = np.bincount(assigned.topics.ravel(), assigned.shares.ravel().astype(np.float64), k) + 1.0
    return Profile(
        id="",
        space=space,
        center=center.astype(np.float32),
        prototypes=prototypes,
        background=(counts / counts.sum()).astype(np.float32),
        labels=label(texts.texts, assigned.topics[:, 0], k),
        temperature=temperature,
        nearest=nearest,
        threshold=np.inf,
        behaviors_per_false_alarm=0.0,
    )


def label(texts: list[str], topics: NDArray[np.uint16], k: int, terms: int = 3) -> tuple[str, ...]:
    """The terms that set each topic apart: highest log-odds against all topics, shrunk to the background.

    Monroe, Colaresi & Quinn (2008), "Fightin' Words": weighted log-odds with an informative Dirichlet prior.
    """
    vectorizer = CountVectorizer(analyzer=terms_of, min_df=min(5, 1 + len(texts) // 1000), binary=True)
    words = vectorizer.fit_transform(texts)
    names = vectorizer.get_feature_names_out()
    background = np.asarray(words.sum(axis=0)).ravel().astype(np.float64)
    prior = background / background.sum() * 100.0
    labels = []
    for topic in range(k):
        inside = np.asarray(words[topics == topic].sum(axis=0)).ravel()
        outside = background - inside
        here, there = inside + prior, outside + prior
        odds = np.log(here / (here.sum() - here)) - np.log(there / (there.sum() - there))
        score = odds / np.sqrt(1.0 / here + 1.0 / there)
        labels.append(", ".join(names[np.argsort(-score)[:terms]]))
    return tuple(labels)


def terms_of(text: str) -> list[str]:
    """Words of three letters or more that are not stop words; for Chinese and Japanese, pairs of characters."""
    terms = []
    for run in re.findall(r"[^\W\d_]+", text.lower()):
        if CJK.search(run):
            terms += [run[at : at + 2] for at in range(len(run) - 1)]
        elif len(run) > 2 and run not in ENGLISH_STOP_WORDS:
            terms.append(run)
    return terms


def mixture(rng: Random, by_topic: dict[str, Vectors], names: list[str], length: int, noise: float) -> Vectors:
    """Vectors (length, dim) of someone with the given topics, in unequal shares, and some share of anything."""
    everything = list(by_topic)
    shares = rng.dirichlet(np.full(len(names), 2.0))
    chosen = [
        everything[rng.integers(len(everything))] if rng.random() < noise else names[rng.choice(len(names), p=shares)]
        for _ in range(length)
    ]
    return np.stack([by_topic[name][rng.integers(len(by_topic[name]))] for name in chosen])


def made_up_users(
    rng: Random, by_topic: dict[str, Vectors], users: int, length: int, *, changing: bool, noise: float = 0.1
) -> list[MadeUpUser]:
    """Users with two to six topics each; the changing ones have others from somewhere in the middle on."""
    result = []
    for _ in range(users):
        names = [str(name) for name in rng.permutation(list(by_topic))]
        first, second = rng.integers(2, 7, size=2)
        at = int(rng.integers(30, length - 25)) if changing else length
        vectors = mixture(rng, by_topic, names[:first], at, noise)
        if changing:
            after = mixture(rng, by_topic, names[first : first + second], length - at, noise)
            vectors = np.concatenate([vectors, after])
        result.append(MadeUpUser(vectors, at if changing else None))
    return result


def statistics(profile: Profile, users: list[MadeUpUser], what: str) -> list[NDArray[np.float64]]:
    """The log-odds after each behaviour, for users to whom nothing is ever declared."""
    params = detector.Params(profile.prototypes.shape[1], profile)
    out = []
    for user in track(users, description=what):
        observations = [detector.Observation(v, 1.0, 3600.0 * n) for n, v in enumerate(user.vectors)]
        _, results = detector.fold(params, params.empty(), observations, NEVER)
        out.append(np.array([r.log_odds for r in results]))
    return out


def run_length(series: list[NDArray[np.float64]], threshold: float) -> float:
    """Behaviours per false alarm: all behaviours up to each user's first alarm, by the number of alarms."""
    watched = alarms = 0
    for values in series:
        over = np.flatnonzero(values[detector.MIN_HISTORY :] > threshold)
        watched += int(over[0]) + 1 if len(over) else len(values) - detector.MIN_HISTORY
        alarms += bool(len(over))
    return watched / alarms if alarms else np.inf


def choose_threshold(series: list[NDArray[np.float64]], asked: float) -> float:
    """The lowest threshold, to a hundredth, with at least the asked number of behaviours per false alarm."""
    grid = np.arange(-5.0, 30.0, 0.01)
    low, high = 0, len(grid) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if run_length(series, grid[middle]) >= asked else (middle + 1, high)
    return round(float(grid[low]), 2)


def found(profile: Profile, users: list[MadeUpUser]) -> dict[str, float]:
    """How well planted changes are found: shares of users, and delays in behaviours."""
    params = detector.Params(profile.prototypes.shape[1], profile)
    delays, offsets, early = [], [], 0
    for user in track(users, description="planted changes"):
        assert user.change is not None  # noqa: S101 - for the type checker: these users change
        observations = [detector.Observation(v, 1.0, 3600.0 * n) for n, v in enumerate(user.vectors)]
        _, results = detector.fold(params, params.empty(), observations, detector.Rule())
        declared = [r for r in results if r.change]
        early += any(r.position < user.change for r in declared)
        after = [r for r in declared if user.change <= r.position < user.change + 20]
        if after and after[0].change:
            delays.append(after[0].position - user.change + 1)
            offsets.append(abs(after[0].change.began - user.change))
    return {
        "found_within_20": len(delays) / len(users),
        "median_delay": float(np.median(delays)),
        "beginning_within_3": float(np.mean(np.array(offsets) <= 3)),
        "alarmed_before_the_change": early / len(users),
    }


def measure(profile: Profile, by_topic: dict[str, Vectors], users: int, asked: float, seed: int) -> dict[str, Any]:
    """Choose the threshold on one set of users, and count on a second one."""
    rng = np.random.default_rng(seed)
    chosen_on = statistics(profile, made_up_users(rng, by_topic, users, 300, changing=False), "threshold")
    threshold = choose_threshold(chosen_on, asked)
    held_out = statistics(profile, made_up_users(rng, by_topic, users, 300, changing=False), "false alarms")
    judged = replace(profile, threshold=threshold)
    planted = found(judged, made_up_users(rng, by_topic, users, 100, changing=True))
    return {
        "threshold": threshold,
        "behaviors_per_false_alarm": {"asked": asked, "measured": round(run_length(held_out, threshold), 1)},
        "users": users,
        "planted_changes": {key: round(value, 3) for key, value in planted.items()},
    }


def main(  # noqa: PLR0917 - typer passes them by name
    texts: Annotated[Path, typer.Argument(help="CSV with the columns text and topic.")],
    out: Annotated[Path, typer.Option(help="The profile file to write.")],
    model: Annotated[Path, typer.Option(help="The exported model.")] = Path("models/default"),
    topics: Annotated[int, typer.Option(help="K, the number of topics.")] = 400,
    temperature: Annotated[float, typer.Option(help="Of the soft assignment.")] = 0.05,
    nearest: Annotated[int, typer.Option(help="Topics a behaviour may belong to.")] = 5,
    behaviors_per_false_alarm: Annotated[float, typer.Option(help="Asked average run length.")] = 1000.0,
    users: Annotated[int, typer.Option(help="Made-up users of each kind.")] = 500,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Make a profile, measure it, and write both down."""
    lines, filed = read(texts)
    encoder = OnnxEncoder.load(model)
    every = Texts(lines, asyncio.run(encode(encoder, lines)), filed)
    space = encoder.info.space
    encoder.close()
    half = np.random.default_rng(seed).random(len(lines)) < 0.5
    fitted_on = Texts([t for t, h in zip(lines, half, strict=True) if h], every.vectors[half], filed[half])
    profile = fit(fitted_on, space, k=topics, temperature=temperature, nearest=nearest, seed=seed)
    profile = replace(profile, params=BayesParams())
    by_topic = {str(name): every.vectors[~half & (filed == name)] for name in np.unique(filed)}
    report = measure(profile, by_topic, users, behaviors_per_false_alarm, seed)
    measured = report["behaviors_per_false_alarm"]["measured"]
    profile = identify(replace(profile, threshold=report["threshold"], behaviors_per_false_alarm=measured))
    save_profile(profile, out)
    report = {"id": profile.id, "texts": len(lines), "topics": topics, **report}
    out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    typer.run(main)

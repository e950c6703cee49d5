"""Topics of a population: where texts are looked at from, prototypes, background, groups and labels."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from service.detection.topics import WHOLE, Assignment, Topics, assign, coordinates
from service.vectors import Vectors

CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
MOST_DIRECTIONS = 64
MOST_CATEGORIES = 400
"""That have topics of their own; counts of all topics are in each user's state."""
SHRINKAGE = 0.3
"""Of the covariance within categories towards a sphere, which tames directions that few texts fill."""
MANY_TEXTS = 5_000
"""From which on k-means looks at batches."""
FOLDS = 5
"""Parts of the texts, each of which is looked at by topics of the others."""


@dataclass(frozen=True)
class Fitted:
    """Topics, and which texts made each.

    Attributes:
        topics: ready for use.
        members: (n,), the topic that each text was counted to; -1 where it was counted to none.
    """

    topics: Topics
    members: NDArray[np.int64]


def fit_topics(
    vectors: Vectors,
    occurrences: NDArray[np.int64],
    categories: NDArray[np.int64],
    *,
    topics: int,
    temperature: float,
    mix: float,
    nearest: int = 5,
    by_category: bool = False,
    seed: int = 0,
) -> Fitted:
    """Fit topics to the texts of a log.

    Args:
        vectors: (n, dim), unit vectors of distinct texts.
        occurrences: (n,), how often each occurs.
        categories: (n,), -1 where there is none.
        topics: K, at most a third of the texts.
        temperature: tau of the soft assignment.
        mix: how much the directions that set categories apart count; without categories 0.
        nearest: m.
        by_category: whether each topic lies within one category, which has at least one; else they lie where texts do.
        seed: of k-means.
    """
    center, projection = _directions(vectors, categories, mix)
    placed = coordinates(vectors, center=center, projection=projection, mix=mix)
    weights = _weights(occurrences)
    parts = _clusters_by_category(placed, weights, categories, topics, seed) if by_category else None
    members, category_of = parts or (None, None)
    if members is None or members.max() + 1 < nearest:
        members, category_of = _clusters(placed, weights, max(min(topics, len(vectors) // 3), nearest), seed), None
    prototypes = _means(placed, weights, members, members.max() + 1)
    nearest = min(nearest, len(prototypes))  # of texts that are all alike, k-means makes fewer
    assigned = assign(placed, prototypes=prototypes, temperature=temperature, nearest=nearest)
    counts = np.ones(len(prototypes))
    np.add.at(counts, assigned.topics, assigned.shares / WHOLE * occurrences[:, None])
    background = (counts / counts.sum()).astype(np.float32)
    fitted = Topics(
        center=center,
        projection=projection,
        mix=mix,
        prototypes=prototypes,
        background=background,
        groups=_groups(prototypes, background, category_of, seed),
        temperature=temperature,
        nearest=nearest,
    )
    return Fitted(fitted, members)


def assign_as_new(
    vectors: Vectors,
    occurrences: NDArray[np.int64],
    categories: NDArray[np.int64],
    fitted: Fitted,
    *,
    seed: int = 0,
) -> Assignment:
    """Each text's topics as they would be had the topics been fitted without it (cross-fitting).

    Topics lie a little nearer to the texts that they were fitted to than to others: with made-up users' titles 45 % of
    those came nearest to a topic of their own subject, of other titles 39 %. Here the texts are parted at random, and
    each part is looked at by topics made of the other parts' texts, which are counted to the same topics as in the fit,
    so that a topic's number means the same everywhere. A topic that no other part has a text of is nowhere near.

    Args:
        vectors: (n, dim), as the topics were fitted to, and so on.
        occurrences: (n,).
        categories: (n,).
        fitted: to these texts.
        seed: of the parts.
    """
    topics = fitted.topics
    part = np.random.default_rng(seed).permutation(len(vectors)) % min(FOLDS, len(vectors))
    weights = _weights(occurrences)
    numbers = np.zeros((len(vectors), topics.nearest), np.uint16)
    shares = np.zeros_like(numbers)
    for n in range(part.max() + 1):
        others, own = part != n, part == n
        center, projection = _directions(vectors[others], categories[others], topics.mix)
        placed = coordinates(vectors, center=center, projection=projection, mix=topics.mix)
        prototypes = _means(placed, weights, np.where(others, fitted.members, -1), len(topics.prototypes))
        found = assign(placed[own], prototypes=prototypes, temperature=topics.temperature, nearest=topics.nearest)
        numbers[own], shares[own] = found.topics, found.shares
    return Assignment(numbers, shares)


def _directions(vectors: Vectors, categories: NDArray[np.int64], mix: float) -> tuple[Vectors, Vectors]:
    """The mean of vectors, and the directions that set their categories apart, none where these do not count."""
    center = vectors.mean(axis=0).astype(np.float32)
    projection = np.zeros((vectors.shape[1], 0), np.float32)
    if mix > 0.0:
        known = categories >= 0
        projection = category_directions(vectors[known], categories[known], center)
    # In half precision from the start, as the profile keeps them.
    return center, projection.astype(np.float16).astype(np.float32)


def _weights(occurrences: NDArray[np.int64]) -> NDArray[np.float64]:
    """Frequent texts count more, but not so much that a few fill all topics."""
    return np.sqrt(occurrences)


def category_directions(vectors: Vectors, categories: NDArray[np.int64], center: Vectors) -> Vectors:
    """Directions (dim, d) that set categories apart: linear discriminant analysis (Fisher, 1936; Rao, 1948).

    None, d = 0, where there is nothing to set apart: fewer than two categories, or no two texts in any of them.

    An encoder's cosine is about all that a text says: a title's words, a brand, a year. In these directions texts of
    one category are close and categories far apart, so that only what tells interests apart is left.
    """
    dim, names = vectors.shape[1], np.unique(categories)
    within, between = np.zeros((dim, dim)), np.zeros((dim, dim))
    for category in names:
        own = vectors[categories == category].astype(np.float64) - center
        mean = own.mean(axis=0)
        spread = own - mean
        within += spread.T @ spread
        between += len(own) * np.outer(mean, mean)
    if len(names) < 2 or not np.any(within):
        return np.zeros((dim, 0), np.float32)
    within /= len(vectors)
    within = (1.0 - SHRINKAGE) * within + SHRINKAGE * np.eye(dim) * np.trace(within) / dim
    values, axes = np.linalg.eigh(within)
    whiten = axes / np.sqrt(values) @ axes.T
    strengths, directions = np.linalg.eigh(whiten @ (between / len(vectors)) @ whiten)
    most = min(len(names) - 1, MOST_DIRECTIONS)
    leading = np.argsort(-strengths)[:most]
    # Stronger directions count more, by the square root of their variance ratio.
    scales = (np.maximum(strengths[leading], 1e-9) / strengths.max()) ** 0.5
    return np.asarray(whiten @ directions[:, leading] * scales, np.float32)


def _means(placed: Vectors, weights: NDArray[np.float64], members: NDArray[np.int64], k: int) -> Vectors:
    """Unit prototypes (k, dim), each the mean of its members, in half precision, as the profile keeps them.

    One without members is zero: at cosine 0 to everything.
    """
    counted = np.flatnonzero(members >= 0)
    shares = csr_array((weights[counted], (members[counted], counted)), (k, len(placed)))
    sums = shares @ placed
    means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return np.asarray(means.astype(np.float16), np.float32)


def _clusters(placed: Vectors, weights: NDArray[np.float64], k: int, seed: int) -> NDArray[np.int64]:
    """The cluster (n,) of each text by k-means; at most k of them, numbered without gaps."""
    if len(placed) > MANY_TEXTS:
        fitted = MiniBatchKMeans(k, random_state=seed, n_init=3, batch_size=4096).fit(placed, sample_weight=weights)
    else:
        fitted = KMeans(k, random_state=seed, n_init=1).fit(placed, sample_weight=weights)
    return np.asarray(np.unique(fitted.labels_, return_inverse=True)[1], np.int64)


def _clusters_by_category(
    placed: Vectors, weights: NDArray[np.float64], categories: NDArray[np.int64], topics: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cluster (n,) of each text, all of one category, and the category (k,) of each cluster, numbered from 0.

    Every category has one, the `MOST_CATEGORIES` of most weight; what is left of the asked number is shared out among
    them by weight. Texts without a category are in none, -1: they belong to those that they are like.
    """
    names, numbers = np.unique(categories[categories >= 0], return_inverse=True)
    held = np.bincount(numbers, weights[categories >= 0])
    kept = np.sort(np.argsort(-held, kind="stable")[:MOST_CATEGORIES])
    spare = max(topics - len(kept), 0)
    members, category_of = np.full(len(placed), -1), list[int]()
    for place, category in enumerate(kept):
        own = np.flatnonzero(categories == names[category])
        many = min(1 + int(spare * held[category] / held[kept].sum()), len(own))
        clusters = _clusters(placed[own], weights[own], many, seed)
        members[own] = clusters + len(category_of)
        category_of += [place] * (clusters.max() + 1)
    return members, np.array(category_of)


def _groups(
    prototypes: Vectors, background: Vectors, category_of: NDArray[np.int64] | None, seed: int
) -> NDArray[np.uint16]:
    """The group (k,) of each topic: its category, where most categories have several topics.

    Else prototypes are clustered once more, two groups for each root of K.
    """
    if category_of is not None and 2 * (category_of.max() + 1) <= len(category_of):
        return category_of.astype(np.uint16)
    groups = min(len(prototypes), max(10, round(2.0 * len(prototypes) ** 0.5)))
    fitted = KMeans(groups, random_state=seed, n_init=4).fit(prototypes, sample_weight=background)
    return np.asarray(fitted.labels_, np.uint16)


def label(texts: list[str], topics: NDArray[np.uint16], k: int, terms: int = 3) -> tuple[str, ...]:
    """The terms that set each topic apart: highest log-odds against all topics, shrunk to the background.

    Monroe, Colaresi & Quinn (2008), "Fightin' Words": weighted log-odds with an informative Dirichlet prior.

    Args:
        texts: n distinct texts.
        topics: (n,), each text's nearest topic.
        k: how many topics.
        terms: how many terms a label has.
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
        labels.append(", ".join(names[np.argsort(-score, kind="stable")[:terms]]))
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

"""Calibration on a small made-up population, where the truth is known."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from sklearn.ensemble._hist_gradient_boosting.binning import _find_binning_thresholds as library_cuts
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from service.calibration.calibrate import Calibration, CalibrationError, calibrate
from service.calibration.fuse import BINS, Figures, Planted, cuts, fuse
from service.calibration.numbers import choose_numbers
from service.calibration.population import Population, view, view_to_come
from service.calibration.search import CATEGORISED, Choice, search, topics_of, variations, verdicts
from service.calibration.topics import assign_as_new, category_directions, fit_topics, label, terms_of
from service.detection.bayes import BayesParams
from service.detection.evidence import DIRECTIONS, FEATURES
from service.detection.profile import Profile, ProfileError
from service.detection.topics import Assignment, coordinates
from service.evaluation.measures import delays, run_length
from service.evaluation.streams import HALVES, JOINED, Stream, plant
from service.profiles import load_profile, save_profile, summary

DIM, SUBJECTS, TEXTS_EACH = 48, 24, 12
CHOICE = Choice(24, 0.1, 0.5, params=BayesParams(memory=64))


def made_up(users: int, seed: int, *, told: float = 0.5) -> Population:
    """Users with four of 24 subjects each; so much of a text's vector is its subject's, the rest tells nothing."""
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(0)
    subjects = truth.normal(size=(SUBJECTS, DIM // 2))
    subjects /= np.linalg.norm(subjects, axis=1, keepdims=True)
    subject_of = np.repeat(np.arange(SUBJECTS), TEXTS_EACH)
    noise = truth.normal(size=(len(subject_of), DIM // 2))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    parts = [told**0.5 * subjects[subject_of], (1.0 - told) ** 0.5 * noise]
    vectors = np.concatenate(parts, axis=1).astype(np.float32)
    streams = []
    for user in range(users):
        mine = rng.permutation(SUBJECTS)[:4]
        chosen = rng.choice(mine, size=70)
        items = chosen * TEXTS_EACH + rng.integers(TEXTS_EACH, size=70)
        streams.append(Stream(f"u{user}", items, np.ones(70, np.float32), chosen.astype(np.int64)))
    texts = [f"subject{chr(97 + k)} thing{n}" for k in range(SUBJECTS) for n in range(TEXTS_EACH)]
    return Population(texts, vectors, streams)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Trees on so few examples are quick; on a busy machine, two threads mostly wait for one another."""
    with threadpool_limits(1, user_api="openmp"):
        yield


@pytest.fixture(scope="module")
def population() -> Population:
    return made_up(90, 1)


@pytest.fixture(scope="module")
def made(population: Population) -> Calibration:
    return calibrate(population, population.streams, space="made-up", asked=300.0, choice=CHOICE)


def test_planted_changes_are_found_at_the_asked_rate(made: Calibration) -> None:
    others = made_up(90, 2)
    profile = made.profile
    seen = view(others, profile, profile.params)
    untouched = verdicts(seen.figures(others.streams), profile.fusion)
    assert 100 < run_length(untouched, profile.threshold) < 1000
    planted = plant(others.streams, np.random.default_rng(3), tries=1)
    assert set(planted) == {JOINED, HALVES}
    for streams in planted.values():
        series = verdicts(seen.figures(streams), profile.fusion)
        waits = delays(series, [s.change or 0 for s in streams], profile.threshold)
        assert np.mean(waits <= 20) > 0.8


def test_the_same_seed_gives_the_same_profile(population: Population, made: Calibration) -> None:
    again = calibrate(population, population.streams, space="made-up", asked=300.0, choice=CHOICE)
    assert again.profile.id == made.profile.id
    other = calibrate(population, population.streams, space="made-up", asked=300.0, choice=CHOICE, seed=1)
    assert other.profile.id != made.profile.id


def test_a_profile_survives_the_file(made: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "profile.safetensors"
    save_profile(made.profile, path)
    back = load_profile(path, space="made-up")
    assert summary(back) == summary(made.profile)
    rows = np.random.default_rng(0).normal(size=(50, len(FEATURES)))
    assert back.fusion is not None
    assert made.profile.fusion is not None
    np.testing.assert_array_equal(back.fusion.log_odds(rows), made.profile.fusion.log_odds(rows))
    vectors = made_up(3, 5).vectors
    np.testing.assert_array_equal(back.assign(vectors).topics, made.profile.assign(vectors).topics)
    np.testing.assert_array_equal(back.assign(vectors).shares, made.profile.assign(vectors).shares)


def test_a_longer_run_length_asks_for_a_higher_threshold(made: Calibration) -> None:
    lengths, thresholds = zip(*made.profile.ladder, strict=True)
    assert lengths == (300.0, 1000.0, 3000.0)
    assert list(thresholds) == sorted(thresholds)
    assert thresholds[0] == pytest.approx(made.profile.threshold, abs=1e-3)


def test_the_search_chooses_what_finds_most() -> None:
    few = made_up(40, 4, told=0.1)
    choice, trials = search(few, few.streams, memory=64, new=0.2, seed=0, progress=lambda _what: None)
    assert len(trials) == len(CATEGORISED) + len(variations(CATEGORISED[0]))
    best = max(trials, key=lambda trial: trial.found)
    assert choice == best.choice
    # Nearly all of each vector is noise, so what tells categories apart must help.
    assert best.choice.mix > 0
    assert best.found > next(trial.found for trial in trials if trial.choice.mix == 0)


def test_the_log_odds_are_those_of_a_true_alarm(made: Calibration) -> None:
    """At A behaviours per false alarm and one change in 1/h behaviours: log(h A). 3,000 is more than there are here."""
    for asked, threshold in made.profile.ladder[:2]:
        assert threshold == pytest.approx(np.log(made.profile.params.hazard * asked), abs=0.7)


def test_too_few_users_are_refused_with_their_number(population: Population) -> None:
    with pytest.raises(CalibrationError, match=r"7 users .* at least 20"):
        calibrate(population, population.streams[:7], space="made-up", choice=CHOICE)


def test_category_directions_drop_what_tells_categories_nothing(population: Population) -> None:
    """Half of every vector is noise of the text's own; in the directions it is gone."""
    center = population.vectors.mean(axis=0)
    categories = population.categories()
    projection = category_directions(population.vectors, categories, center)
    assert projection.shape == (DIM, SUBJECTS - 1)
    same = np.equal.outer(categories, categories) & ~np.eye(len(categories), dtype=bool)

    def contrast(mix: float) -> float:
        placed = coordinates(population.vectors, center=center, projection=projection, mix=mix)
        cosines = placed @ placed.T
        return float(cosines[same].mean() - cosines[~same & ~np.eye(len(categories), dtype=bool)].mean())

    assert contrast(1.0) > 0.9
    assert contrast(0.0) < 0.6
    assert contrast(0.0) < contrast(0.5) < contrast(1.0)


def test_numbers_are_those_of_the_highest_likelihood(population: Population) -> None:
    begun = view(population, topics_of(population, CHOICE, 0).topics, BayesParams(memory=64))
    chosen, tried = choose_numbers(begun, population.streams)
    best = max(tried, key=lambda one: one.log_likelihood)
    assert chosen == best.params
    assert chosen.memory == 64
    seen = replace(begun, params=chosen)
    total = sum(seen.evidence(stream)[1] for stream in population.streams)
    assert total / sum(map(len, population.streams)) == pytest.approx(best.log_likelihood)


def test_the_fusion_moves_only_the_way_its_figures_mean(made: Calibration) -> None:
    rng = np.random.default_rng(0)
    fusion = made.profile.fusion
    assert fusion is not None
    rows = rng.normal(size=(300, len(FEATURES)))
    for at, name in enumerate(FEATURES):
        way = next((w for figure, w in DIRECTIONS.items() if name.startswith(figure)), 0)
        if way:
            more = rows.copy()
            more[:, at] += rng.uniform(0.0, 3.0, size=300)
            assert np.all(way * (fusion.log_odds(more) - fusion.log_odds(rows)) >= -1e-9), name


TOLD_BY = FEATURES.index("surprise_20_topics")


def one_figure(rng: np.random.Generator, mean: float, n: int) -> Figures:
    """Evidence (n, len(FEATURES)) of which one figure tells something, with standard deviation 1."""
    out = np.zeros((n, len(FEATURES)), np.float32)
    out[:, TOLD_BY] = rng.normal(mean, 1.0, size=n)
    return out


def test_the_fusion_is_a_log_odds_at_its_prior() -> None:
    """One figure tells changes apart by a known likelihood ratio: the log-odds is its logarithm and the prior's."""
    rows = partial(one_figure, np.random.default_rng(0))
    calm = [rows(0.5, 60) for _ in range(200)]
    changed = [Planted(np.concatenate([rows(0.5, 30), rows(-0.5, 20)]), 30) for _ in range(400)]
    fusion = fuse(calm, [], [changed], prior=0.1, seed=0)
    probe = np.zeros((5, len(FEATURES)))
    probe[:, TOLD_BY] = [-1.0, -0.5, 0.0, 0.5, 1.0]
    # Hard examples make it a little too sure of no change, so the level is not exact.
    np.testing.assert_allclose(fusion.log_odds(probe), np.log(1 / 9) - probe[:, TOLD_BY], atol=0.6)


def test_labels_are_the_terms_that_set_topics_apart() -> None:
    texts = [
        "red apple pie",
        "green apple juice",
        "apple tart",
        "fast car race",
        "old car engine",
        "car and garage",
    ] * 5
    topics = np.array([0, 0, 0, 1, 1, 1] * 5, np.uint16)
    fruit, cars = label(texts, topics, 2)
    assert fruit.startswith("apple")
    assert cars.startswith("car")


def test_terms_of_chinese_are_pairs_of_characters() -> None:
    assert terms_of("低碳飲食 and the diet") == ["低碳", "碳飲", "飲食", "diet"]


def test_topics_by_category_mix_no_two_categories(population: Population) -> None:
    """Each category has its share of the topics; texts without one are with those that they are like."""
    categories = population.categories()
    without = np.arange(len(categories)) % 6 == 0
    known = np.where(without, -1, categories)
    fitted = fit_topics(
        population.vectors, population.occurrences(), known, topics=60, temperature=0.05, mix=0.5, by_category=True
    ).topics
    assert SUBJECTS < len(fitted.prototypes) <= 60
    nearest = fitted.assign(population.vectors).topics[:, 0]
    for topic in np.unique(nearest):
        assert len(np.unique(categories[nearest == topic])) == 1
    # Two topics a category and more: the groups are the categories.
    assert len(np.unique(fitted.groups)) == SUBJECTS
    for category in range(SUBJECTS):
        assert len(np.unique(fitted.groups[nearest[categories == category]])) == 1


def test_with_a_topic_for_each_category_groups_are_of_similar_ones(population: Population) -> None:
    fitted = fit_topics(
        population.vectors, population.occurrences(), population.categories(),
        topics=1, temperature=0.05, mix=0.5, by_category=True,
    ).topics  # fmt: skip
    assert len(fitted.prototypes) == SUBJECTS
    assert len(np.unique(fitted.groups)) == 10


def unlike(population: Population, rng: np.random.Generator) -> Population:
    """The same users with texts of which little can be told: their own topics are not always the nearest."""
    vectors = population.vectors + rng.normal(scale=0.2, size=population.vectors.shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return replace(population, vectors=vectors)


def test_texts_looked_at_as_new_lie_as_new_ones_do() -> None:
    """Topics fitted to half of the texts: how often those come nearest to their own subject, as known and as new."""
    whole = unlike(made_up(90, 1), np.random.default_rng(0))
    half = np.random.default_rng(1).random(len(whole.vectors)) < 0.5
    subject = np.repeat(np.arange(SUBJECTS), TEXTS_EACH)
    once = np.ones(half.sum(), np.int64)
    fitted = fit_topics(
        whole.vectors[half], once, subject[half], topics=1, temperature=0.05, mix=0.5, by_category=True
    )  # fmt: skip

    def right(found: Assignment, side: NDArray[np.bool_]) -> float:
        return float(np.mean(found.topics[:, 0] == subject[side]))

    others = right(fitted.topics.assign(whole.vectors[~half]), ~half)
    known = right(fitted.topics.assign(whole.vectors[half]), half)
    as_new = right(assign_as_new(whole.vectors[half], once, subject[half], fitted), half)
    assert known > others + 0.1
    assert as_new == pytest.approx(others, abs=0.05)


def test_as_many_behaviors_are_about_new_texts_as_are_to_come(population: Population) -> None:
    fitted = topics_of(population, CHOICE, 0)
    known = fitted.topics.assign(population.vectors)
    as_new = assign_as_new(
        population.vectors, population.occurrences(), population.categories(), fitted, seed=3
    )  # fmt: skip

    def rows_of(new: float) -> NDArray[np.bool_]:
        """Where texts are looked at as new, as far as it can be seen."""
        seen = view_to_come(population, fitted, CHOICE.params, new=new, seed=3).assigned
        new_rows = (seen.shares == as_new.shares).all(axis=1)
        assert np.all(new_rows | (seen.shares == known.shares).all(axis=1))
        return np.asarray(new_rows & ~(known.shares == as_new.shares).all(axis=1))

    differ = rows_of(1.0)
    assert differ.sum() > len(differ) / 2
    assert not rows_of(0.0).any()
    counts = population.occurrences()
    assert counts[rows_of(0.3)].sum() / counts[differ].sum() == pytest.approx(0.3, abs=0.1)


def test_what_a_new_user_brings_is_what_one_user_alone_has() -> None:
    """Texts 3 and 4 are each one user's: three of ten behaviours."""
    items = [[0, 1, 2, 3, 3], [0, 1, 2, 1, 4]]
    streams = [Stream(f"u{n}", np.array(own), np.ones(5, np.float32), np.full(5, -1)) for n, own in enumerate(items)]
    assert Population([*"abcde"], np.eye(5, dtype=np.float32), streams).new_texts() == pytest.approx(0.3)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_texts_that_are_alike_make_fewer_topics_than_a_behaviour_may_have() -> None:
    """Seven texts in four places: topics, and as many nearest ones, are four."""
    places = np.eye(4, 8, dtype=np.float32)
    vectors = places[[0, 1, 2, 3, 0, 1, 2]]
    once, none = np.ones(7, np.int64), np.full(7, -1)
    topics = fit_topics(vectors, once, none, topics=9, temperature=0.1, mix=0.0, nearest=5).topics
    assert len(topics.prototypes) == topics.nearest == 4
    assert topics.assign(vectors).topics.shape == (7, 4)


@pytest.mark.parametrize("filed", [[], [1], [1, 1, 2], [1, 2, 3]])
def test_hardly_any_text_with_a_category_is_as_none(population: Population, filed: list[int]) -> None:
    """There is nothing to set apart then, neither in the whole nor in a part of it."""
    categories = np.full(len(population.vectors), -1)
    categories[: len(filed)] = filed
    once = np.ones(len(categories), np.int64)
    fitted = fit_topics(population.vectors, once, categories, topics=20, temperature=0.1, mix=0.5)
    found = assign_as_new(population.vectors, once, categories, fitted)
    assert np.all(found.shares.astype(np.int64).sum(axis=1) > 0)
    if len(set(filed)) < 2 or len(set(filed)) == len(filed):
        assert fitted.topics.projection.shape[1] == 0


def test_a_text_alone_in_its_topic_is_not_looked_at_by_itself(population: Population) -> None:
    """As many topics as there can be, many of one text: as a new one, it lies elsewhere."""
    once, none = np.ones(len(population.vectors), np.int64), np.full(len(population.vectors), -1)
    fitted = fit_topics(population.vectors, once, none, topics=96, temperature=0.1, mix=0.0)
    alone = np.flatnonzero(np.bincount(fitted.members)[fitted.members] == 1)
    assert len(alone)
    found = assign_as_new(population.vectors, once, none, fitted)
    assert np.all(found.topics[alone, 0] != fitted.members[alone])


def test_fewer_categories_than_a_behaviour_has_topics_are_not_enough(population: Population) -> None:
    """Then topics lie where texts do."""
    two = np.minimum(population.categories(), 1)
    fitted = fit_topics(
        population.vectors, population.occurrences(), two,
        topics=2, temperature=0.05, mix=0.5, nearest=5, by_category=True,
    ).topics  # fmt: skip
    assert len(fitted.prototypes) == 5


def test_a_kind_of_change_that_cannot_be_found_counts_little() -> None:
    """Beside changes that look like no change at all, those that show are found as well as alone."""
    rows = partial(one_figure, np.random.default_rng(0))
    calm = [rows(0.0, 60) for _ in range(200)]
    shown = [Planted(np.concatenate([rows(0.0, 30), rows(-4.0, 20)]), 30) for _ in range(200)]
    hidden = [Planted(rows(0.0, 50), 30) for _ in range(200)]
    probe = np.zeros((1, len(FEATURES)))
    probe[0, TOLD_BY] = -6.0
    alone = fuse(calm, [], [shown], prior=0.1, seed=0)
    both = fuse(calm, [], [shown, hidden], prior=0.1, seed=0)
    assert both.log_odds(probe)[0] > 0.7 * alone.log_odds(probe)[0] > 0.0


def test_a_profile_with_the_first_figures_only_is_read(made: Calibration, tmp_path: Path) -> None:
    """One from before there was novelty: figures that came later are not asked for."""
    first = FEATURES.index("log_odds") + 1

    def saved(features: list[str]) -> Path:
        path = tmp_path / "earlier.safetensors"
        save_profile(made.profile, path)
        with safe_open(path, "numpy") as file:
            told = json.loads(file.metadata()["profile"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        told["fusion"]["features"] = features
        save_file(arrays, path, {"profile": json.dumps(told)})
        return path

    assert load_profile(saved(list(FEATURES[:first])), space="made-up").threshold == made.profile.threshold
    with pytest.raises(ProfileError, match="judges by other figures"):
        load_profile(saved(["surprise_of_old", *FEATURES[1:first]]), space="made-up")


def test_a_profile_of_other_figures_is_refused(made: Calibration) -> None:
    assert made.profile.fusion is not None
    beyond = replace(made.profile.fusion, feature=np.full_like(made.profile.fusion.feature, len(FEATURES)))
    with pytest.raises(ValueError, match=f"more than the {len(FEATURES)} figures"):
        replace(made.profile, fusion=beyond)
    assert isinstance(made.profile, Profile)


@pytest.mark.parametrize("decimals", [0, 12])
def test_a_figure_is_divided_as_the_library_divides_it(decimals: int) -> None:
    """Few values and many, of unequal weight: that it is quicker is all that is ours."""
    rng = np.random.default_rng(0)
    column = rng.normal(size=2000).round(decimals)
    weights = rng.uniform(0.5, 1.5, size=2000)
    np.testing.assert_allclose(cuts(column, weights), library_cuts(column, BINS, weights), rtol=1e-12)

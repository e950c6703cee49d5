"""Prediction of next behaviours: popularity of the time, ranks, replay, and a small set from one end to the other."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.recommend import page, protocol
from bench.recommend.baselines import (
    EVERY,
    MEAN,
    MEANS,
    NO_PRIOR,
    POLICY,
    POPULAR,
    PRIORLESS,
    SHIPPED,
    UNDETECTED,
    Method,
    Newest,
    fixed_names,
)
from bench.recommend.figures import ALL, EDGES, behaviors_since, figures, of_returning, ratio, verdict
from bench.recommend.popularity import PRIORS, Crowd
from bench.recommend.protocol import PHASES, History, gains
from bench.recommend.replay import Replayed, moment_of, replay, shortened
from bench.recommend.scoring import ranks
from bench.recommend.succession import Steps, hashed
from bench.recommend.tune import relative, tune
from bench.recommend.worlds import Answers, World, ask
from service.detection.detector import Observation, Params, fold
from service.detection.profile import Profile
from service.detection.rules import Rule
from service.detection.state import PastRegime
from service.evaluation.streams import Stream
from service.policy.experts import Remembered, mix
from service.policy.kernel import kernel
from service.policy.succession import WITHIN, densities, own_steps
from service.vectors import Vectors

SUBJECTS, EACH, DIM = 6, 15, 16
CHANGE, LENGTH = 30, 50


def history(items: list[int] | NDArray[np.int64], times: list[int] | None = None, change: int | None = None) -> History:
    array = np.asarray(items, np.int64)
    stream = Stream("someone", array, np.ones(len(array), np.float32), np.full(len(array), -1), change)
    return History(stream, np.arange(len(array)) if times is None else np.array(times, np.int64))


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    """Items of some subjects, each near its subject's direction."""
    rng = np.random.default_rng(3)
    made = np.repeat(np.eye(SUBJECTS, DIM), EACH, axis=0) + rng.normal(0, 0.12, (SUBJECTS * EACH, DIM))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def people() -> list[History]:
    """Who turn from one subject to another, after a planted change, with some of everything between."""
    rng, out = np.random.default_rng(4), []
    for _ in range(24):
        one, other = rng.choice(SUBJECTS, 2, replace=False)
        subjects = np.where(np.arange(LENGTH) < CHANGE, one, other)
        subjects = np.where(rng.random(LENGTH) < 0.1, rng.integers(SUBJECTS, size=LENGTH), subjects)
        out.append(history(subjects * EACH + rng.integers(EACH, size=LENGTH), change=CHANGE))
    return out


@pytest.fixture(scope="module")
def profile() -> Profile:
    return Profile(
        id="made-up", space="made-up", center=np.zeros(DIM, np.float32), projection=np.zeros((DIM, 0), np.float32),
        mix=0.0, prototypes=np.eye(SUBJECTS, DIM, dtype=np.float32), groups=np.arange(SUBJECTS, dtype=np.uint16),
        background=np.full(SUBJECTS, 1 / SUBJECTS, np.float32), labels=tuple("abcdef"), temperature=0.1, nearest=2,
        threshold=4.0, behaviors_per_false_alarm=1000.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(vectors: Vectors, people: list[History], profile: Profile) -> World:
    crowd = Crowd(people, len(vectors))
    steps = Steps(people, len(vectors), moments=8)
    return World(vectors, people, crowd, steps, profile, profile.assign(vectors), [[CHANGE]] * len(people))


def test_popularity_counts_people_and_never_sees_the_future() -> None:
    crowd = Crowd([history([1, 1, 2], [5, 6, 9]), history([1, 0], [7, 8])], 4)
    told = [counts.tolist() for counts in crowd.before(np.array([5, 6, 8, 9, 100]))]
    assert told == [[0, 0, 0, 0], [0, 1, 0, 0], [0, 2, 0, 0], [1, 2, 0, 0], [1, 2, 1, 0]]


@pytest.mark.parametrize("lately", [1, 3, 10, 1000])
def test_popularity_of_late_agrees_with_looking_at_every_behavior(lately: int) -> None:
    rng = np.random.default_rng(lately)
    crowd = [history(rng.integers(8, size=40), np.sort(rng.integers(100, size=40)).tolist()) for _ in range(12)]
    asked = np.arange(0, 130, 7)
    for time, counts in zip(asked, Crowd(crowd, 8, lately).before(asked), strict=True):
        late = [set(one.stream.items[(one.times < time) & (one.times >= time - lately)].tolist()) for one in crowd]
        assert counts.tolist() == [sum(item in had for had in late) for item in range(8)]


def test_steps_are_those_that_people_had_taken_before() -> None:
    rng = np.random.default_rng(7)
    people = [history(rng.integers(9, size=30), np.sort(rng.integers(60, size=30)).tolist()) for _ in range(20)]
    steps = Steps(people, 9, moments=6)
    for time in (0, 13, 30, 59, 100):
        graph = steps.before(time)
        later = [moment for moment in steps.moments if moment <= time]
        counted = np.zeros((9, 9), int)
        for one in people:
            first = dict(zip(one.stream.items[::-1].tolist(), one.times[::-1].tolist(), strict=True))
            order = list(dict.fromkeys(one.stream.items.tolist()))
            for at, item in enumerate(order):
                for after in order[at + 1 : at + 1 + WITHIN]:
                    counted[item, after] += bool(later) and first[after] < later[-1]
        assert graph.totals.tolist() == counted.sum(axis=1).tolist()
        assert graph.arrivals.tolist() == counted.sum(axis=0).tolist()
        assert graph.edges.toarray().tolist() == np.where(counted > 1, counted, 0).tolist()
    assert steps.before(100).kept.sum() > 100


def test_a_prior_follows_counts_only_where_they_say_something() -> None:
    rng = np.random.default_rng(5)
    chance, genuine = rng.poisson(4, 4000), rng.poisson(rng.gamma(0.3, 12, 4000))
    by_chance, by_taste = (PRIORS[SHIPPED](counts).astype(np.float64) for counts in (chance, genuine))
    assert by_chance.std() / by_chance.mean() < 0.1
    assert by_taste.std() / by_taste.mean() > 1.0
    assert set(PRIORS[NO_PRIOR](genuine).tolist()) == {1.0}


def test_hits_and_gains_of_known_ranks() -> None:
    hits, ndcg = gains(np.array([0.0, 2.0, 19.0, 19.5, 20.0, np.inf]))
    assert hits.tolist() == [1, 1, 1, 1, 0, 0]
    assert ndcg[:2].tolist() == [1.0, 0.5]
    assert ndcg[4:].tolist() == [0.0, 0.0]


def replayed(world: World, items: list[int]) -> Replayed:
    return replay(history(items), world.vectors, world.profile, world.assigned)


def test_ranks_are_those_of_sorting_what_was_not_seen(world: World) -> None:
    items = [0, 3, 3, 17, 1, 18, 0, 40]
    one = replayed(world, items)
    assert [moment.position for moment in one.moments] == [1, 3, 4, 5, 7]
    methods: list[Method] = [Newest("cosine", MEAN, 2), Newest("kernel", NO_PRIOR, 2), POPULAR]
    found = ranks(one, world.vectors, world.crowd, world.steps, methods)
    counts = list(world.crowd.before(np.array([moment.position for moment in one.moments])))
    for column, moment in enumerate(one.moments):
        last = world.vectors[items[max(moment.position - 2, 0) : moment.position]]
        nearness = kernel(world.vectors, last)
        scores = [
            (world.vectors @ last.T).sum(axis=1),
            (nearness / nearness.mean(axis=0)).sum(axis=1),
            counts[column].astype(float),
        ]
        target = items[moment.position]
        others = np.setdiff1d(np.arange(len(world.vectors)), [*items[: moment.position], target])
        for row, score in enumerate(scores):
            above, equal = (score[others] > score[target]).sum(), (score[others] == score[target]).sum()
            assert found[row, column] == above + equal / 2


def test_what_comes_later_changes_no_earlier_rank(world: World) -> None:
    items = world.people[0].stream.items.tolist()
    short, whole = replayed(world, items[:40]), replayed(world, [*items[:40], *range(60, 70)])
    early, late = (ranks(one, world.vectors, world.crowd, world.steps, EVERY) for one in (short, whole))
    assert np.array_equal(early, late[:, : early.shape[1]])


def test_the_policy_is_the_services_own(world: World) -> None:
    one = replay(world.people[1], world.vectors, world.profile, world.assigned)
    moment = one.moments[-1]
    items = one.history.stream.items
    counts = next(world.crowd.before(np.array([moment.position])))
    prior = PRIORS[SHIPPED](counts)
    behaviors = world.vectors[items[moment.kept]]
    scale = kernel(behaviors, world.vectors) @ (prior / prior.sum())
    graph = world.steps.before(int(one.history.times[moment.position]))
    had, fresh = items[moment.kept], one.fresh[moment.kept]
    followed = graph.successors(np.unique(had))
    own = densities(followed, hashed(had), hashed(had), own_steps(hashed(had), fresh))
    seen = Remembered(
        np.stack([kernel(behaviors, behaviors) / scale, own]), np.ones(len(behaviors), np.float32), moment.kept,
        moment.regimes, moment.inclusion, fresh,
    )  # fmt: skip
    mixture = mix(seen)
    assert mixture.memory[1].any()
    assert (own != 1.0).any()
    density = kernel(world.vectors, behaviors) @ (mixture.memory[0] / scale)
    density += densities(followed, hashed(had), hashed(np.arange(len(world.vectors)))) @ mixture.memory[1]
    scores = prior * (mixture.domain + (1 - mixture.domain) * density)
    target = items[moment.position]
    others = np.setdiff1d(np.arange(len(world.vectors)), items[: moment.position + 1])
    found = ranks(one, world.vectors, world.crowd, world.steps, [POLICY])[0, -1]
    assert found == pytest.approx((scores[others] > scores[target]).sum(), abs=1)


def test_the_memory_is_bounded_and_of_the_past(world: World) -> None:
    person = world.people[2]
    for moment in replay(person, world.vectors, world.profile, world.assigned, newest=8).moments:
        assert moment.kept.max(initial=-1) < moment.position
        assert (moment.kept >= moment.position - 8).sum() == min(8, moment.position)
        assert len(moment.regimes) == len(moment.inclusion) == len(moment.kept)
        assert ((moment.inclusion >= 0) & (moment.inclusion <= 1 + 1e-9)).all()


def test_regimes_that_the_service_has_forgotten_are_not_remembered(world: World) -> None:
    params, rule = Params(DIM, world.profile), Rule()
    seen = (Observation(world.vectors[n % EACH], 1.0, float(n), world.assigned.at(n % EACH)) for n in range(70))
    state, _ = fold(params, params.empty(), seen, rule)
    past = tuple(PastRegime.without_topics(10 * n, 10 * n + 10) for n in (5, 4, 3, 2))
    changed = replace(state, past=past, regime=6, began=60)
    moment = moment_of(changed, 70, newest=5)
    assert moment.kept.tolist() == list(range(20, 70))
    assert moment.regimes.tolist() == [n // 10 for n in range(20, 70)]


def test_a_history_is_cut_at_its_end() -> None:
    short = shortened(history([4, 5, 6], [1, 2, 3]), 2)
    assert (short.stream.items.tolist(), short.times.tolist()) == ([4, 5], [1, 2])


def test_behaviors_since_the_last_change_or_until_the_first() -> None:
    questions = protocol.asked([history(list(range(6))), history([1, 2])], [[2, 4], []])
    answers = Answers(questions, [[2, 4], []], {})
    assert behaviors_since(answers).tolist() == [-1, 0, 1, 0, 1, np.inf]


def test_a_ratio_is_of_the_hits_of_a_phase() -> None:
    questions = protocol.asked([history(list(range(9)))] * 30, [[4]] * 30)
    half = np.where(np.arange(len(questions)) % 2, 0.0, 99.0)
    answers = Answers(questions, [[4]] * 30, {"one": np.zeros(len(questions)), "half": half})
    assert ratio(answers, "one", "half", ALL)[0] == 2.0
    assert ratio(answers, "one", "half", "later") == [None, None, None]
    assert verdict([0.9, 0.8, 0.95], 1.0) == "missed"


def test_relative_is_one_for_the_shipped() -> None:
    assert relative({"a": {"x": 0.3, "y": 0.2}, "b": {"x": 0.6, "y": 0.1}}, "a") == pytest.approx({"a": 1, "b": 1})


@pytest.fixture(scope="module")
def told(world: World) -> dict[str, Any]:
    return json.loads(json.dumps(figures(world, Path("nowhere.json"), lambda _: None)))  # type: ignore[no-any-return] # of JSON


def test_interests_are_found_where_there_are_some(told: dict[str, Any]) -> None:
    rates = {name: row[ALL]["hit_rate"][0] for name, row in told["methods"].items()}
    assert rates[PRIORLESS.name] > 1.2 * rates[POPULAR.name]
    after = {name: row["after"]["hit_rate"][0] for name, row in told["methods"].items()}
    assert after[POLICY.name] > after["mean of all"]
    assert told["targets"][ALL] == sum(told["targets"][phase] for phase in PHASES)
    assert "there is no nowhere.json" in told["sequential_missing"]


def test_aims_name_the_best_of_each_kind(told: dict[str, Any]) -> None:
    for aim in told["aims"]:
        against = [method.name for method in MEANS]
        if aim["against"] not in against:
            against = [POPULAR.name] if aim["against"] == POPULAR.name else fixed_names(SHIPPED) + fixed_names(NO_PRIOR)
        assert aim["against"] in against
    mean = next(aim for aim in told["aims"] if aim["wanted"] == 1.5)
    rates = [told["methods"][method.name][ALL]["hit_rate"][0] for method in MEANS]
    assert told["methods"][mean["against"]][ALL]["hit_rate"][0] == max(rates)


def test_the_page_and_its_plot_say_what_was_measured(told: dict[str, Any], world: World, tmp_path: Path) -> None:
    about = {"set": "topics", "held_out": 24, "fit": 24, "most_behaviors": 250, "machine": {
        "date": "2026-01-01", "cpu": "any", "python": "3.11", "commit": "abc"}}  # fmt: skip
    back = of_returning(world, lambda _: None)
    tuning = {"machine": {"date": "2025-12-31", "commit": "def"}, "people": 1,
              "shipped": {"memory": "128"}, "grids": {"memory": {"128": {"topics": 0.1}}},
              "means": {"topics": {"half-life": "mean, half-life 5", "last": "mean of the last 5"}}}  # fmt: skip
    for name, what in (("topics", about | told), ("returning", back), ("tuning", tuning)):
        (tmp_path / f"{name}.json").write_text(json.dumps(what), encoding="utf-8")
    page.write_page(tmp_path)
    text = (tmp_path / "README.md").read_text("utf-8")
    value, low, high = told["methods"][POLICY.name][ALL]["hit_rate"]
    assert f"| **policy** | **{value:.4f} ({low:.4f}–{high:.4f})** |" in text
    assert f"| {UNDETECTED.name} |" in text
    assert "| **128** | **0.1000** | **1.000** |" in text
    assert "2025-12-31, commit def." in text
    assert f"that without it: all {told['detector'][ALL][0]:.2f} (" in text
    assert "behaviors since" not in text
    picture = (tmp_path / "topics.svg").read_text("utf-8")
    assert all(word in picture for word in (POLICY.name, "behaviours since a change", "hit rate at 20"))
    assert len(told["curves"][POLICY.name]) == len(EDGES) - 1


def test_constants_are_compared_set_by_set(world: World) -> None:
    out = tune({"made": world.some(3)}, lambda _: None)
    for grid, rates in out["grids"].items():
        assert out["shipped"][grid] in rates
        assert all(set(row) == {"made"} for row in rates.values())
    assert len(out["means"]["made"]) == 2


def test_some_people_are_always_the_same(world: World) -> None:
    one, again = (ask(world.some(4), [POPULAR]).ranks[POPULAR.name] for _ in range(2))
    assert np.array_equal(one, again)
    assert len(world.some(4).people) == 4

"""What goes to the sequential model and comes back: files, ranks and results; without the model's own packages."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.recommend.sequential import exchange, results
from bench.recommend.sequential.exchange import UNKNOWN, Answer, Items, Work
from bench.recommend.sequential.ranking import first_times, known_items, places, popularity, ranks


def items(*some: int) -> Items:
    return np.array(some, np.int64)


FIT = [items(10, 30, 10, 50), items(30, 50, 30, 70), items(30, 90)]
HELD = [items(10, 99, 70, 30, 10), items(99, 98, 50), items(30, 90, 50)]
TARGETS = np.array([(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1)], np.int64)
WORK = Work(FIT, HELD, TARGETS)
KNOWN = known_items(FIT)
POPULAR = popularity(FIT, KNOWN)


class Recorder:
    """Scores every item by its place, or by what it is given, and keeps the histories that it was asked about."""

    def __init__(self, scores: NDArray[np.float32] | None = None) -> None:
        self.scores = np.arange(len(KNOWN) + 1, dtype=np.float32) if scores is None else scores
        self.asked: list[list[int]] = []

    def __call__(self, before: NDArray[np.int64]) -> NDArray[np.float32]:
        self.asked += before.tolist()
        return np.tile(self.scores, (len(before), 1))


def test_work_comes_back_as_it_was(tmp_path: Path) -> None:
    exchange.write_work(WORK, tmp_path / "work.npz")
    work = exchange.read_work(tmp_path / "work.npz")
    for mine, theirs in ((FIT, work.fit), (HELD, work.held)):
        assert [one.tolist() for one in mine] == [one.tolist() for one in theirs]
    assert work.targets.tolist() == TARGETS.tolist()


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    answer = Answer(np.array([3, UNKNOWN], np.int32), np.array([0, 7], np.int32), {"model": "any", "losses": [1.5]})
    exchange.write_answer(answer, tmp_path / "answer.npz")
    read = exchange.read_answer(tmp_path / "answer.npz")
    assert (read.ranks.tolist(), read.popular.tolist(), read.told) == ([3, -1], [0, 7], answer.told)


def test_places_count_from_one_and_none_is_had_by_an_unknown_item() -> None:
    assert KNOWN.tolist() == [10, 30, 50, 70, 90]
    assert places(items(10, 90, 5, 60, 99), KNOWN).tolist() == [1, 5, 0, 0, 0]


def test_popularity_counts_users_not_behaviours() -> None:
    assert POPULAR.tolist() == [0, 1, 3, 2, 1, 1]


def test_first_times() -> None:
    assert first_times(items(4, 2, 4, 4, 7)).tolist() == [True, True, False, False, True]


def test_ranks_are_among_known_items_that_the_user_has_not_had() -> None:
    found = ranks(Recorder(), HELD, TARGETS, KNOWN, length=3, otherwise=POPULAR)
    # 70 stands below 90 alone, and 30 below 50 and 90, for 70 is seen; before 50 no known item is, so popularity ranks it
    assert found.tolist() == [UNKNOWN, 1, 2, UNKNOWN, 1, 0]


def test_only_known_behaviours_before_the_target_are_shown_the_newest_last() -> None:
    model = Recorder()
    ranks(model, [items(10, 99, 70, 30, 90, 50)], np.array([(0, 1), (0, 5)]), KNOWN, length=3, otherwise=POPULAR)
    assert model.asked == [[0, 0, 1], [4, 2, 5]]


def test_nothing_of_the_target_or_after_it_matters() -> None:
    rng = np.random.default_rng(3)
    history = rng.permutation(KNOWN)
    other = np.concatenate([history[:3], rng.permutation(history[3:])])
    asked = []
    for held in (history, other):
        model = Recorder()
        ranks(model, [held], np.array([(0, 3)]), KNOWN, length=5, otherwise=POPULAR)
        asked.append(model.asked)
    assert asked[0] == asked[1]


def test_a_scorer_that_tells_nothing_apart_ranks_in_the_middle() -> None:
    found = ranks(
        Recorder(np.zeros(6, np.float32)), HELD, TARGETS[[1, 5]], KNOWN, length=3, otherwise=np.zeros(6, np.float32)
    )
    assert found.tolist() == [1, 1]  # of four unseen items: two others above or level, half of three rounded down


def test_ranks_agree_with_a_full_sort() -> None:
    rng = np.random.default_rng(11)
    fit = [rng.integers(60, size=40) for _ in range(8)]
    held = [rng.integers(70, size=50) for _ in range(9)]
    targets = np.array([(who, at) for who, one in enumerate(held) for at in np.flatnonzero(first_times(one)) if at])
    known = known_items(fit)
    scores = rng.permutation(len(known) + 1).astype(np.float32)
    found = ranks(Recorder(scores), held, targets, known, length=7, otherwise=scores)
    for (who, at), rank in zip(targets.tolist(), found.tolist(), strict=True):
        before = set(held[who][:at].tolist())
        order = [item for item in known[np.argsort(-scores[1:])].tolist() if item not in before]
        assert rank == (order.index(held[who][at]) if held[who][at] in order else UNKNOWN)


def test_a_target_that_repeats_an_item_is_refused() -> None:
    with pytest.raises(ValueError, match="leave it out of the targets"):
        ranks(Recorder(), HELD, np.array([(0, 4)]), KNOWN, length=3, otherwise=POPULAR)


def test_measures_count_unknown_targets_as_missed_and_apart() -> None:
    told = results.measures(np.array([0, UNKNOWN, 19, 20], np.int32))
    gain = 1 + 1 / np.log2(21)
    assert told["all"] == {"targets": 4, "hit_rate": 0.5, "ndcg": round(gain / 4, 5)}
    assert told["known"] == {"targets": 3, "hit_rate": round(2 / 3, 5), "ndcg": round(gain / 3, 5)}
    nothing = results.measures(np.array([UNKNOWN], np.int32))
    assert nothing["known"] == {"targets": 0, "hit_rate": None, "ndcg": None}


def test_a_result_is_read_for_the_targets_that_it_is_of_and_no_others(tmp_path: Path) -> None:
    found = np.array([0, UNKNOWN, 99, 100, 5_000, 7], np.int32)
    path = tmp_path / "deep" / "sequential-any.json"
    results.write_result(WORK, Answer(found, found, {"model": "any"}), path, set="any")
    ranks_read, told = results.read_ranks(WORK, path)
    assert ranks_read.tolist() == [0, UNKNOWN, 99, results.LAST, results.LAST, 7]
    assert (told["set"], told["model"], told["targets"]) == ("any", "any", 6)
    with pytest.raises(results.ResultError, match=r"python -m bench\.recommend\.sequential again"):
        results.read_ranks(Work(FIT, HELD, TARGETS[:-1]), path)
    with pytest.raises(results.ResultError, match="there is no"):
        results.read_ranks(WORK, tmp_path / "sequential-none.json")

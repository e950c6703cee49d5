"""What goes to the sequential model and comes back: files, ranks and results; without the model's own packages."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.recommend import protocol
from bench.recommend.sequential import exchange, process, results
from bench.recommend.sequential.exchange import UNKNOWN, Answer, Items, Work
from bench.recommend.sequential.ranking import (
    first_targets,
    first_times,
    known_items,
    places,
    popularity,
    ranks,
    share_known,
)


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
    answer = Answer(np.array([3.5, UNKNOWN]), np.array([0.0, 7.0]), {"model": "any", "losses": [1.5]})
    exchange.write_answer(answer, tmp_path / "answer.npz")
    read = exchange.read_answer(tmp_path / "answer.npz")
    assert (read.ranks.tolist(), read.popular.tolist(), read.told) == ([3.5, UNKNOWN], [0, 7], answer.told)


def test_places_count_from_one_and_none_is_had_by_an_unknown_item() -> None:
    assert KNOWN.tolist() == [10, 30, 50, 70, 90]
    assert places(items(10, 90, 5, 60, 99), KNOWN).tolist() == [1, 5, 0, 0, 0]


def test_popularity_counts_users_not_behaviours() -> None:
    assert POPULAR.tolist() == [0, 1, 3, 2, 1, 1]


def test_the_share_of_targets_that_can_be_ranked() -> None:
    assert share_known(WORK) == pytest.approx(4 / 6)
    assert share_known(Work(FIT, HELD, TARGETS[:0])) == 0.0


def test_targets_are_first_times_but_not_a_first_behavior() -> None:
    assert first_targets(HELD).tolist() == [[0, 1], [0, 2], [0, 3], [1, 1], [1, 2], [2, 1], [2, 2]]
    assert first_targets([]).shape == (0, 2)
    rng = np.random.default_rng(2)
    history = rng.integers(30, size=80)
    assert first_targets([history])[:, 1].tolist() == protocol.targets(history).tolist()


def test_first_times() -> None:
    assert first_times(items(4, 2, 4, 4, 7)).tolist() == [True, True, False, False, True]


def test_ranks_are_among_known_items_that_the_user_has_not_had() -> None:
    found = ranks(Recorder(), HELD, TARGETS, KNOWN, length=3, otherwise=POPULAR)
    # 70 stands below 90; 30 below 50 and 90, for 70 is seen. Before 50 there is no known item: popularity ranks it.
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
    assert found.tolist() == [1.5, 1.5]  # of four unseen items each, three are level with the target


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
    told = results.measures(np.array([0.0, UNKNOWN, 19.5, 20.0]), np.array([0, 0, 1, 1]))
    gain = 1 + 1 / np.log2(21.5)
    for part, targets in (("all", 4), ("known", 3)):
        assert told[part]["targets"] == targets
        assert (told[part]["hit_rate"][0], told[part]["ndcg"][0]) == (round(2 / targets, 5), round(gain / targets, 5))
    assert results.measures(np.array([UNKNOWN]), np.array([0]))["known"] == {"targets": 0}


def test_a_result_is_read_by_user_and_behavior(tmp_path: Path) -> None:
    found = np.array([0, UNKNOWN, 99, 99.5, 5_000, 7.5])
    path = tmp_path / "deep" / "sequential-any.json"
    results.write_result(WORK, ["a", "b", "c"], Answer(found, found, {"model": "any"}), path, set="any")
    skip = results.NOT_ASKED
    c, a = results.read_ranks(path, ["c", "a"], [HELD[2], HELD[0]])
    np.testing.assert_array_equal(a, [skip, 0, UNKNOWN, 99, skip])
    np.testing.assert_array_equal(c, [skip, 7.5, skip])
    np.testing.assert_array_equal(results.read_ranks(path, ["b"], HELD[1:2])[0], [skip, 99.5, results.LAST])


@pytest.mark.parametrize(("user", "history"), [("d", HELD[0]), ("a", HELD[1]), ("a", HELD[0][:-1])])
def test_a_result_is_not_read_for_another_history(user: str, history: Items, tmp_path: Path) -> None:
    path = tmp_path / "sequential-any.json"
    found = np.zeros(len(TARGETS))
    results.write_result(WORK, ["a", "b", "c"], Answer(found, found, {}), path)
    with pytest.raises(results.ResultError, match=r"holds no ranks of '\w' with that history: run python -m"):
        results.read_ranks(path, [user], [history])


def test_a_result_that_is_missing_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(results.ResultError, match=r"run python -m bench\.recommend\.sequential"):
        results.read_ranks(tmp_path / "sequential-none.json", [], [])


def test_a_result_without_a_model_says_why(tmp_path: Path) -> None:
    path = tmp_path / "sequential-any.json"
    results.write_untrained(path, 0.00118, set="any")
    with pytest.raises(results.ResultError, match=r"had the items of 0\.12% of the targets"):
        results.read_ranks(path, [], [])


def interpreter(folder: Path, script: str) -> Path:
    """A program in the place of the environment's Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_training_is_told_where_and_how_and_is_not_done_twice(tmp_path: Path) -> None:
    python = interpreter(tmp_path, 'test "$1 $2" = "-m bench.recommend.sequential.train" && echo "$@" > "$4"')
    trained = process.train(python, WORK, tmp_path / "any", seconds=5.0, seed=7)
    told = trained.read_text(encoding="utf-8")
    assert told.split()[4:] == ["--seconds", "5.0", "--seed", "7"]
    assert exchange.read_work(Path(told.split()[2])).targets.tolist() == TARGETS.tolist()
    again = process.train(interpreter(tmp_path, "exit 1"), WORK, tmp_path / "any", seconds=9.0, seed=8)
    assert (again, again.read_text(encoding="utf-8")) == (trained, told)


def test_a_process_that_fails_is_named_with_what_it_said(tmp_path: Path) -> None:
    python = interpreter(tmp_path, "echo the model was trained on other fit users >&2; exit 3")
    with pytest.raises(process.ProcessError, match=r"sequential\.rank .*\n.*trained on other fit users"):
        process.rank(python, WORK, tmp_path / "model")

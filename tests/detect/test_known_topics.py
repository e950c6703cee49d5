"""Topics that are kept are the topics that a profile gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.detect.known_topics import KnownTopics
from service.detection.topics import Assignment, Topics
from service.vectors import Vectors

DIM, TOPICS = 16, 12
rng = np.random.default_rng(0)


def units(n: int) -> Vectors:
    vectors = rng.normal(size=(n, DIM)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


POPULATION = Topics(
    center=np.zeros(DIM, np.float32),
    projection=np.zeros((DIM, 0), np.float32),
    mix=0.0,
    prototypes=units(TOPICS),
    background=np.full(TOPICS, 1 / TOPICS, np.float32),
    groups=np.zeros(TOPICS, np.uint16),
    temperature=0.1,
    nearest=3,
)
VECTORS = units(8)


class Counting:
    """A profile that counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def assign(self, vectors: Vectors) -> Assignment:
        self.asked += len(vectors)
        return POPULATION.assign(vectors)


@settings(deadline=None)  # the first one compiles
@given(requests=st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=10), max_size=10), most=st.integers(1, 9))
def test_they_are_those_of_the_profile_whatever_is_kept(requests: list[list[int]], most: int) -> None:
    profile = Counting()
    known = KnownTopics(profile, most)
    for request in requests:
        found, expected = known.assign(VECTORS[request]), POPULATION.assign(VECTORS[request])
        np.testing.assert_array_equal(found.topics, expected.topics)
        np.testing.assert_array_equal(found.shares, expected.shares)
        assert (found.topics.dtype, found.shares.dtype) == (expected.topics.dtype, expected.shares.dtype)
    if most >= len(VECTORS):
        assert profile.asked == len({one for request in requests for one in request})


def test_of_more_than_so_many_the_oldest_go() -> None:
    profile = Counting()
    known = KnownTopics(profile, 2)
    for row in (0, 1, 0, 2, 0, 1):  # 2 takes the place of 1, which came before 0 did again
        known.assign(VECTORS[[row]])
    assert profile.asked == 4

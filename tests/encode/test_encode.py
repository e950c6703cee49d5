"""`POST /encode` through real HTTP."""

import base64

import httpx
import numpy as np
import pytest


def test_vectors_are_unit_and_in_order(api: httpx.Client) -> None:
    texts = ["trail running shoes", "jogging sneakers", "income tax form", "trail running shoes"]
    answer = api.post("/encode", json={"texts": texts}).json()
    vectors = np.array(answer["vectors"])
    assert vectors.shape == (4, answer["dim"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[3])
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2] + 0.2


def test_base64_is_the_same_and_exact(api: httpx.Client) -> None:
    request = {"texts": ["trail running shoes"]}
    plain = api.post("/encode", json=request).json()["vectors"][0]
    packed = api.post("/encode", json=request | {"encoding_format": "base64"}).json()["vectors"][0]
    np.testing.assert_allclose(np.frombuffer(base64.b64decode(packed), "<f4"), plain, atol=1e-6)


def test_truncated_texts_are_told(api: httpx.Client) -> None:
    answer = api.post("/encode", json={"texts": ["short", "word " * 1000, "short"]}).json()
    assert answer["truncated"] == [1]


def test_what_texts_are_about_is_told_if_asked_for(api: httpx.Client) -> None:
    texts = ["tomato seedlings and garden harvest", "best eyepiece for viewing Saturn", "planting a herb garden"]
    answer = api.post("/encode", json={"texts": texts, "include": ["topics"]}).json()
    garden, sky, herbs = answer["topics"]
    for topics in answer["topics"]:
        shares = [topic["share"] for topic in topics]
        assert 1 <= len(topics) <= 3
        assert shares == sorted(shares, reverse=True)
        assert 0.05 <= min(shares) <= sum(shares) <= 1.0001
    assert {topic["topic"] for topic in garden} & {topic["topic"] for topic in herbs}
    assert not {topic["topic"] for topic in garden} & {topic["topic"] for topic in sky}
    assert any("garden" in topic["label"] for topic in garden + herbs)
    assert api.post("/encode", json={"texts": texts}).json()["topics"] is None


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"texts": []}, "texts"),
        ({"texts": ["a", ""]}, "texts[1]"),
        ({"texts": ["a"] * 1001}, "texts"),
        ({"texts": ["x" * 8193]}, "texts[0]"),
        ({"texts": "a"}, "texts"),
        ({"text": ["a"]}, "texts"),
        ({"texts": ["a"], "include": ["topic"]}, "include[0]"),
    ],
)
def test_bad_input_names_the_field(request_: dict[str, object], field: str, api: httpx.Client) -> None:
    response = api.post("/encode", json=request_)
    assert response.status_code == 422
    assert field in [error["field"] for error in response.json()["errors"]]

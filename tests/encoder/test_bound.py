"""The GPU's way of running a graph, as far as a CPU can show it: fixed shapes, buffers, the same vectors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from service.encoder import OnnxEncoder, read_manifest
from service.encoder.bound import BATCH_TOKENS, DEPTH, LENGTHS, BoundGraph, Shapes
from service.encoder.manifest import MODEL_FILE
from service.encoder.session import session_options
from service.encoder.tokenization import TextTokenizer
from service.vectors import Vectors

pytestmark = pytest.mark.anyio

Expected = Callable[[str], Vectors]


@pytest.fixture
def bound() -> Callable[[Path], BoundGraph]:
    """Opens a folder's graph with buffers on the CPU."""

    def open_bound(folder: Path) -> BoundGraph:
        manifest = read_manifest(folder)
        session = onnxruntime.InferenceSession(
            str(folder / MODEL_FILE), session_options(), providers=["CPUExecutionProvider"]
        )
        return BoundGraph(session, manifest, "cpu")

    return open_bound


@pytest.mark.parametrize("longest", [16, 128, 250, 256, 512, 8192])
def test_shapes_are_few_and_hold_every_batch_within_the_budget(longest: int) -> None:
    shapes = Shapes(longest)
    known = set(shapes)
    assert len(known) <= 80
    assert all(rows * tokens <= BATCH_TOKENS for rows, tokens in known)
    for tokens in range(1, longest + 1):
        for texts in {1, 2, 15, 16, 17, 100, BATCH_TOKENS // tokens}:
            rows, length = shapes.of(texts, tokens)
            assert rows >= texts
            assert tokens <= length <= longest or length == LENGTHS[0]
            assert length <= max(1.5 * tokens, LENGTHS[0])
            # A batch is within the budget at its padded length: that is how the pool counts.
            if texts * length <= BATCH_TOKENS:
                assert (rows, length) in known


def test_a_text_beyond_the_models_longest_is_not_cut() -> None:
    assert Shapes(250).of(1, 300) == (16, 300)


def test_each_shape_is_run_beforehand(
    write_folder: Callable[..., Path], bound: Callable[[Path], BoundGraph], bag_of_words: Expected
) -> None:
    folder = write_folder()
    graph = bound(folder)
    prepared = 1
    while graph.prepare():
        prepared += 1
    assert prepared == len(list(Shapes(128)))
    assert set(graph._rings) == set(Shapes(128))
    tokenizer = TextTokenizer.load(folder, read_manifest(folder))
    (vector,) = graph.start(graph.lay_out(tokenizer.tokenize(["trail"])))()[:1]
    np.testing.assert_allclose(vector, bag_of_words("trail"), atol=1e-6)


async def test_vectors_are_those_of_each_text_alone(
    write_folder: Callable[..., Path], bound: Callable[[Path], BoundGraph], bag_of_words: Expected
) -> None:
    folder = write_folder()
    manifest = read_manifest(folder)
    graph = bound(folder)
    encoder = OnnxEncoder(manifest, TextTokenizer.load(folder, manifest), graph, cache_texts=0)
    texts = [" ".join(f"w{(n + i) % 199}" for i in range(1 + n % 40)) for n in range(100)]
    try:
        for _ in range(2):  # the second time from buffers that hold the first one's
            with encoder.admit(len(texts)) as permit:
                vectors = (await encoder.encode(texts, permit)).vectors
            np.testing.assert_allclose(vectors, [bag_of_words(text) for text in texts], atol=1e-6)
        stats = encoder.stats
        assert stats.texts_encoded == 200
        assert stats.padded_tokens > stats.tokens
    finally:
        encoder.close()


async def test_the_real_model_gives_the_same_vectors(model_dir: Path, bound: Callable[[Path], BoundGraph]) -> None:
    texts = ["trail running shoes", "a", "", "quarterly results of the bank were better than expected " * 12]
    manifest = read_manifest(model_dir)
    plain = OnnxEncoder.load(model_dir, force_cpu=True)
    fixed = OnnxEncoder(manifest, TextTokenizer.load(model_dir, manifest), bound(model_dir))
    try:
        told = []
        for encoder in (plain, fixed):
            with encoder.admit(len(texts)) as permit:
                told.append((await encoder.encode(texts, permit)).vectors)
        np.testing.assert_allclose(told[0], told[1], atol=1e-5)
        assert await fixed.canary()
    finally:
        plain.close()
        fixed.close()


def test_the_same_buffers_serve_a_shape_again(
    write_folder: Callable[..., Path], bound: Callable[[Path], BoundGraph]
) -> None:
    folder = write_folder()
    graph = bound(folder)
    manifest = read_manifest(folder)
    tokenizer = TextTokenizer.load(folder, manifest)
    kept = []
    for text in ("trail shoes", "running", "w1 w2 w3"):
        tokens = tokenizer.tokenize([text])
        kept.append(graph.start(graph.lay_out(tokens))())
    assert list(graph._rings) == [(16, 16)]
    assert len(graph._rings[16, 16]) == DEPTH
    assert not np.array_equal(kept[0], kept[1])  # earlier results are the caller's, not the buffer's


def test_two_runs_of_one_shape_do_not_share_buffers(
    write_folder: Callable[..., Path], bound: Callable[[Path], BoundGraph], bag_of_words: Expected
) -> None:
    folder = write_folder()
    graph = bound(folder)
    manifest = read_manifest(folder)
    tokenizer = TextTokenizer.load(folder, manifest)
    waits = [
        graph.start(graph.lay_out(tokens))
        for tokens in (tokenizer.tokenize([text]) for text in ("trail shoes", "running"))
    ]
    vectors = [wait()[0] for wait in waits]
    np.testing.assert_allclose(vectors, [bag_of_words("trail shoes"), bag_of_words("running")], atol=1e-6)

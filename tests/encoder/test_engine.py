"""The engine: one thread, work shared, dropped, failed and closed; with a graph that tests can hold and break."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.encoder import (
    EncoderClosedError,
    EncoderSaturatedError,
    EncodingFailedError,
    OnnxEncoder,
    read_manifest,
)
from service.encoder.layout import Feeds, Ids
from service.encoder.rows import RowPolicy
from service.encoder.tokenization import TextTokenizer, Tokens
from service.encoder.work import WorkBoard
from service.vectors import Vectors

pytestmark = pytest.mark.anyio

Expected = Callable[[str], Vectors]
MakeEncoder = Callable[..., OnnxEncoder]


class StubGraph:
    """The tiny model in numpy: can be held, fails on the word `poison`, gives NaN for the word `nan`.

    Attributes:
        runs: input_ids of each run, failed ones included.
        threads: names of the threads that began runs.
        entered: set when a run begins.
        awaited: set when an overlapping run is waited for.
        gate: a run waits until it is set.
        overlaps: the runs go on in a thread of their own, as on a device.
        fewest_rows: those of the smallest batch.
        preparations: what `prepare` does.
        most_under_way: runs begun and not waited for, at most.
    """

    provider = "CPUExecutionProvider"
    rows = RowPolicy()

    def __init__(self, table: Vectors, words: list[str], *, overlaps: bool) -> None:
        self.overlaps = overlaps
        self.fewest_rows = 1
        self.most_under_way = self._under_way = 0
        self.preparations: Callable[[], bool] | None = None
        self._device = ThreadPoolExecutor(1, "device")
        self._ring: tuple[list[Vectors], list[Vectors]] = ([], [])
        self._ring_used: list[int] = []
        self._table = table
        self._poison, self._nan = words.index("poison"), words.index("nan")
        self.runs: list[Ids] = []
        self.threads: set[str] = set()
        self.entered = threading.Event()
        self.awaited = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    @property
    def held(self) -> threading.Event:
        """Set when the first run has begun, and no other will before the gate opens.

        Of an overlapping graph, when its run is waited for: before that, another one would still be begun.
        """
        return self.awaited if self.overlaps else self.entered

    def padded_length(self, tokens: int) -> int:
        return tokens

    def prepare(self) -> bool:
        return self.preparations() if self.preparations else False

    def lay_out(self, batch: Sequence[Tokens]) -> Feeds:
        rows, columns = max(len(batch), self.fewest_rows), max(map(len, batch))
        ids, mask = np.zeros((rows, columns), np.int64), np.zeros((rows, columns), np.int64)
        mask[:, 0] = 1
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens.ids
            mask[row, : len(tokens)] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def start(self, feeds: Feeds) -> Callable[[], Vectors]:
        input_ids, attention_mask = feeds["input_ids"], feeds["attention_mask"]
        self.threads.add(threading.current_thread().name)
        if not self.overlaps:
            finished = self._forward(input_ids, attention_mask)
            return lambda: finished
        # A device has buffers for two runs: what is not read by then is written over.
        buffer = self._ring[len(self._ring_used) % 2]
        self._ring_used.append(input_ids.shape[0])
        running = self._device.submit(lambda: buffer.append(self._forward(input_ids, attention_mask)))
        self._under_way += 1
        self.most_under_way = max(self.most_under_way, self._under_way)

        def wait() -> Vectors:
            self.awaited.set()
            self._under_way -= 1
            running.result(60)
            return buffer[-1]

        return wait

    def _forward(self, input_ids: Ids, attention_mask: Ids) -> Vectors:
        self.runs.append(input_ids)
        self.entered.set()
        assert self.gate.wait(30), "the test did not open the gate"
        if (input_ids == self._poison).any():
            raise RuntimeError("poisoned")
        total = (self._table[input_ids] * attention_mask[..., None]).sum(axis=1)
        vectors = total / np.linalg.norm(total, axis=1, keepdims=True)
        vectors[(input_ids == self._nan).any(axis=1)] = np.nan
        return np.asarray(vectors, dtype=np.float32)


@pytest.fixture(params=[False, True], ids=["at once", "overlapping"])
def graph(table: Vectors, words: list[str], request: pytest.FixtureRequest) -> StubGraph:
    return StubGraph(table, words, overlaps=request.param)


@pytest.fixture
def make_encoder(write_folder: Callable[..., Path], graph: StubGraph) -> Iterator[MakeEncoder]:
    """Makes encoders that run `graph`; changes of the manifest go in as a dictionary."""
    made: list[OnnxEncoder] = []

    def make(manifest: dict[str, Any] | None = None, **options: Any) -> OnnxEncoder:
        folder = write_folder(**(manifest or {}))
        read = read_manifest(folder)
        made.append(OnnxEncoder(read, TextTokenizer.load(folder, read), graph, **options))
        return made[-1]

    yield make
    graph.gate.set()
    for encoder in made:
        encoder.close()


async def encode(encoder: OnnxEncoder, texts: Sequence[str]) -> Vectors:
    # A forgotten caller should fail its test, not hang it.
    async with asyncio.timeout(30):
        with encoder.admit(len(texts)) as permit:
            return (await encoder.encode(texts, permit)).vectors


async def start(encoder: OnnxEncoder, texts: Sequence[str]) -> "asyncio.Task[Vectors]":
    """Begin a call, and come back when its texts are with the encoder."""
    task = asyncio.create_task(encode(encoder, texts))
    await asyncio.sleep(0)
    return task


async def occupy(encoder: OnnxEncoder, graph: StubGraph) -> "asyncio.Task[Vectors]":
    """Have the thread run one text (w0) and hold it there, so that all else waits behind it."""
    graph.gate.clear()
    task = await start(encoder, ["w0"])
    assert await asyncio.to_thread(graph.held.wait, 30)
    return task


async def test_many_callers_each_get_their_own(
    make_encoder: MakeEncoder, graph: StubGraph, bag_of_words: Expected
) -> None:
    encoder = make_encoder()
    calls = [
        [" ".join(f"w{(caller * 7 + i) % 199}" for i in range(1 + row)) for row in range(9)] for caller in range(60)
    ]
    answers = await asyncio.gather(*(encode(encoder, texts) for texts in calls))
    for texts, vectors in zip(calls, answers, strict=True):
        np.testing.assert_allclose(vectors, [bag_of_words(text) for text in texts], atol=1e-6)
    assert graph.threads == {"encoder"}
    assert encoder.stats.admitted == 0


async def test_callers_waiting_together_share_batches(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder()
    holding = await occupy(encoder, graph)
    waiting = [await start(encoder, [f"w{number} trail"]) for number in range(1, 51)]
    graph.gate.set()
    await asyncio.gather(holding, *waiting)
    assert encoder.stats.texts_encoded == 51
    assert encoder.stats.batches == 2


async def test_mixed_lengths_are_padded_little(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder(max_batch_tokens=512)
    lengths = np.random.default_rng(1).integers(1, 120, size=600)
    texts = [" ".join(f"w{(number + i) % 199}" for i in range(length)) for number, length in enumerate(lengths)]
    await encode(encoder, texts)
    stats = encoder.stats
    assert all(ids.size <= 512 for ids in graph.runs)
    assert stats.padded_tokens == sum(ids.size for ids in graph.runs)
    assert stats.tokens <= lengths.sum()
    # Run in the order in which they came, half of what is run would be padding.
    assert stats.padding_share < 0.1
    assert stats.batches == len(graph.runs)


async def test_identical_texts_in_flight_are_encoded_once(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder(cache_texts=0)
    holding = await occupy(encoder, graph)
    waiting = [await start(encoder, ["trail shoes", "trail shoes"]) for _ in range(20)]
    graph.gate.set()
    answers = await asyncio.gather(*waiting)
    await holding
    assert encoder.stats.texts_encoded == 2
    assert encoder.stats.joined == 39
    for vectors in answers:
        np.testing.assert_array_equal(vectors, answers[0])


async def test_text_that_is_running_can_be_joined(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder(cache_texts=0)
    holding = await occupy(encoder, graph)
    joining = await start(encoder, ["w0"])
    graph.gate.set()
    np.testing.assert_array_equal(await holding, await joining)
    assert encoder.stats.texts_encoded == 1


async def test_cancelled_work_is_not_encoded(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder()
    holding = await occupy(encoder, graph)
    cancelled = await start(encoder, [f"w{number}" for number in range(1, 11)])
    cancelled.cancel()
    graph.gate.set()
    await holding
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await encode(encoder, ["trail"])
    assert encoder.stats.texts_encoded == 2
    assert encoder.stats.dropped == 10


async def test_work_cancelled_after_it_was_tokenized_is_not_encoded(
    make_encoder: MakeEncoder, graph: StubGraph
) -> None:
    encoder = make_encoder(max_batch_tokens=1)
    graph.gate.clear()
    # All ten are tokenized together, then run one by one.
    cancelled = await start(encoder, [f"w{number}" for number in range(10)])
    assert await asyncio.to_thread(graph.held.wait, 30)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    graph.gate.set()
    await encode(encoder, ["trail"])
    begun = 2 if graph.overlaps else 1  # when the call was cancelled
    assert encoder.stats.texts_encoded == begun + 1
    assert encoder.stats.dropped == 10 - begun


async def test_cancelling_one_caller_leaves_the_other_its_text(
    make_encoder: MakeEncoder, graph: StubGraph, bag_of_words: Expected
) -> None:
    encoder = make_encoder()
    holding = await occupy(encoder, graph)
    cancelled = await start(encoder, ["trail", "running"])
    staying = await start(encoder, ["trail"])
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    graph.gate.set()
    np.testing.assert_allclose(await staying, [bag_of_words("trail")], atol=1e-6)
    await holding
    assert encoder.stats.texts_encoded == 2


async def test_text_asked_for_again_after_it_was_dropped(
    make_encoder: MakeEncoder, graph: StubGraph, bag_of_words: Expected
) -> None:
    encoder = make_encoder()
    holding = await occupy(encoder, graph)
    cancelled = await start(encoder, ["trail"])
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    again = await start(encoder, ["trail"])
    graph.gate.set()
    np.testing.assert_allclose(await again, [bag_of_words("trail")], atol=1e-6)
    await holding


async def test_timeout_of_a_caller(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder(capacity_texts=3)
    holding = await occupy(encoder, graph)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(encode(encoder, ["w1", "w2"]), timeout=0.01)
    assert encoder.stats.admitted == 1
    graph.gate.set()
    await holding


async def test_known_texts_come_from_the_cache(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder()
    first = await encode(encoder, ["trail", "shoes"])
    first_copy = first.copy()
    first[:] = 0  # a caller may do with its vectors what it likes
    second = await encode(encoder, ["shoes", "trail"])
    np.testing.assert_array_equal(second[::-1], first_copy)
    assert encoder.stats.cache_hits == 2
    assert len(graph.runs) == 1


async def test_cache_remembers_truncation(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder({"max_tokens": 2})
    for _ in range(2):
        with encoder.admit(2) as permit:
            encoded = await encoder.encode(["trail running shoes", "trail"], permit)
        assert encoded.truncated.tolist() == [True, False]
    assert encoder.stats.cache_hits == 2


async def test_cache_is_bounded_and_keeps_what_is_used(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder(cache_texts=3)
    for number in range(1, 10):
        await encode(encoder, ["w0", f"w{number}"])
        assert encoder.stats.cached <= 3
    assert encoder.stats.texts_encoded == 10


async def test_cache_can_be_turned_off(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder(cache_texts=0)
    await encode(encoder, ["trail"])
    await encode(encoder, ["trail"])
    assert encoder.stats.texts_encoded == 2
    assert encoder.stats.cached == 0


async def test_failure_reaches_only_those_concerned(
    make_encoder: MakeEncoder, graph: StubGraph, bag_of_words: Expected
) -> None:
    encoder = make_encoder()
    holding = await occupy(encoder, graph)
    good = [await start(encoder, [f"w{number}"]) for number in range(1, 8)]
    bad = [await start(encoder, ["trail", "poison"]) for _ in range(2)]
    graph.gate.set()
    await holding
    for task in bad:
        with pytest.raises(EncodingFailedError, match="poisoned") as failed:
            await task
        assert isinstance(failed.value.__cause__, RuntimeError)
    for number, task in enumerate(good, start=1):
        np.testing.assert_allclose(await task, [bag_of_words(f"w{number}")], atol=1e-6)
    # The thread survived, and the failure was not remembered as a result.
    np.testing.assert_allclose(await encode(encoder, ["trail"]), [bag_of_words("trail")], atol=1e-6)
    with pytest.raises(EncodingFailedError):
        await encode(encoder, ["poison"])
    assert encoder.stats.admitted == 0


async def test_vector_that_is_not_finite_is_a_failure(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder()
    bad, good = await asyncio.gather(encode(encoder, ["nan"]), encode(encoder, ["trail"]), return_exceptions=True)
    assert isinstance(bad, EncodingFailedError)
    assert "not finite" in str(bad)
    assert isinstance(good, np.ndarray)


async def test_failing_tokenizer(make_encoder: MakeEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = make_encoder()
    tokenize = TextTokenizer.tokenize

    def fail_on_poison(self: TextTokenizer, texts: Sequence[str]) -> Any:
        if "poison" in texts:
            raise ValueError("no tokens for this")
        return tokenize(self, texts)

    monkeypatch.setattr(TextTokenizer, "tokenize", fail_on_poison)
    with pytest.raises(EncodingFailedError, match="no tokens for this"):
        await encode(encoder, ["w1", "poison", "w2"])
    assert (await encode(encoder, ["w1"])).shape == (1, 8)


async def test_close_fails_waiting_callers(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder()
    holding = await occupy(encoder, graph)
    waiting = [await start(encoder, [f"w{number}"]) for number in range(1, 4)]
    closing = asyncio.create_task(asyncio.to_thread(encoder.close))
    await asyncio.sleep(0.01)
    graph.gate.set()
    await closing
    assert (await holding).shape == (1, 8)  # what was running is delivered
    for task in waiting:
        with pytest.raises(EncoderClosedError):
            await task
    with pytest.raises(EncoderClosedError):
        await encode(encoder, ["w0"])
    assert encoder.stats.texts_encoded == 1
    assert encoder.stats.admitted == 0


def encoder_threads() -> int:
    return sum(thread.name == "encoder" for thread in threading.enumerate())


async def test_thread_ends_with_close(make_encoder: MakeEncoder) -> None:
    before = encoder_threads()
    encoder = make_encoder()
    assert encoder_threads() == before + 1
    encoder.close()
    encoder.close()
    assert encoder_threads() == before


async def test_saturation(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder(capacity_texts=2)
    holding = await occupy(encoder, graph)
    with encoder.admit(1), pytest.raises(EncoderSaturatedError) as saturated:
        await encode(encoder, ["w1"])
    assert saturated.value.retry_after == 1
    graph.gate.set()
    await holding


@pytest.mark.parametrize("options", [{"capacity_texts": 0}, {"cache_texts": -1}, {"max_batch_tokens": 0}])
def test_bad_options_are_refused(make_encoder: MakeEncoder, options: dict[str, int]) -> None:
    before = encoder_threads()
    with pytest.raises(ValueError, match=next(iter(options))):
        make_encoder(**options)
    assert encoder_threads() == before


async def test_canary_runs_the_model_each_time(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder()
    await encode(encoder, ["trail running shoes"])
    for _ in range(2):
        assert await encoder.canary()
    assert len(graph.runs) == 3
    assert encoder.stats.cached == 1


async def test_canary_goes_before_waiting_work(make_encoder: MakeEncoder, graph: StubGraph, words: list[str]) -> None:
    encoder = make_encoder()
    holding = await occupy(encoder, graph)
    waiting = await start(encoder, [f"w{number} w1 w2" for number in range(1, 50)])
    canary = asyncio.create_task(encoder.canary())
    await asyncio.sleep(0)
    graph.gate.set()
    assert await canary
    await asyncio.gather(holding, waiting)
    assert graph.runs[1].tolist() == [[words.index(word) for word in ("trail", "running", "shoes")]]


async def test_canary_sees_another_vector(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder({"canary": {"text": "trail", "vector": [1.0, 0, 0, 0, 0, 0, 0, 0]}})
    assert not await encoder.canary()


@pytest.mark.parametrize("text", ["poison", "nan"])
async def test_canary_sees_a_failing_model(make_encoder: MakeEncoder, text: str) -> None:
    encoder = make_encoder({"canary": {"text": text, "vector": [1.0] * 8}})
    assert not await encoder.canary()
    assert (await encode(encoder, ["trail"])).shape == (1, 8)


def test_callers_of_several_loops(make_encoder: MakeEncoder, bag_of_words: Expected) -> None:
    encoder = make_encoder()
    for text in ("w1", "w2"):
        np.testing.assert_allclose(asyncio.run(encode(encoder, [text])), [bag_of_words(text)], atol=1e-6)


async def test_thread_that_dies_fails_its_callers(
    make_encoder: MakeEncoder, graph: StubGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing should get there; if something does, nobody may wait for ever.
    encoder = make_encoder()
    died: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: died.append(str(hook.exc_value)))
    holding = await occupy(encoder, graph)
    waiting = await start(encoder, ["w1"])

    def break_down(*_: object) -> None:
        raise MemoryError("broken")

    monkeypatch.setattr(WorkBoard, "claim", break_down)
    graph.gate.set()
    await holding
    with pytest.raises(EncoderClosedError):
        await waiting
    assert not await encoder.canary()
    encoder.close()
    assert died == ["broken"]


async def test_what_would_wait_too_long_is_refused_at_once(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder(max_wait=0.1)
    slow = await occupy(encoder, graph)
    await asyncio.sleep(0.2)
    graph.gate.set()
    await slow  # from here on the encoder knows how long a text takes
    graph.entered.clear()
    graph.gate.clear()
    holding = await start(encoder, ["w1"])
    assert await asyncio.to_thread(graph.entered.wait, 30)
    for texts in (1, 1000):
        with pytest.raises(EncoderSaturatedError):
            await encode(encoder, ["w2"] * texts)
    assert encoder.stats.admitted == 1
    graph.gate.set()
    await holding
    assert (await encode(encoder, ["w3"] * 1000)).shape == (1000, 8)  # alone, nothing is too long


async def test_a_turn_that_does_not_come_in_time(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder(max_wait=0.05)
    holding = await occupy(encoder, graph)
    with pytest.raises(EncoderSaturatedError) as refused:
        await encode(encoder, ["w1", "w2"])
    assert refused.value.retry_after >= 1
    graph.gate.set()
    await holding  # its turn had come: it is not given up, however long it takes
    await encode(encoder, ["trail"])
    assert encoder.stats.texts_encoded == 2
    assert encoder.stats.dropped == 2


async def test_joining_a_text_that_is_running_is_a_turn(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder(max_wait=0.05)
    holding = await occupy(encoder, graph)
    joining = await start(encoder, ["w0"])
    await asyncio.sleep(0.1)
    graph.gate.set()
    np.testing.assert_array_equal(await holding, await joining)


async def test_a_call_says_where_its_time_went(make_encoder: MakeEncoder, graph: StubGraph) -> None:
    encoder = make_encoder()
    holding = await occupy(encoder, graph)
    began = time.perf_counter()
    with encoder.admit(2) as permit:
        call = asyncio.create_task(encoder.encode(["w1", "w0"], permit))
        await asyncio.sleep(0.05)
        graph.gate.set()
        spent = (await call).spent
    elapsed = time.perf_counter() - began
    await holding
    assert spent.tokenize > 0
    assert spent.encode >= 0.04  # of the run that it joined, what was left
    assert 0 <= spent.queue <= elapsed
    assert spent.queue + spent.tokenize + spent.encode <= elapsed + 1e-3
    with encoder.admit(1) as permit:
        known = (await encoder.encode(["w1"], permit)).spent
    assert (known.tokenize, known.encode) == (0, 0)


async def test_the_next_batch_is_begun_before_the_last_one_is_waited_for(
    make_encoder: MakeEncoder, graph: StubGraph, bag_of_words: Expected
) -> None:
    encoder = make_encoder(max_batch_tokens=1, cache_texts=0)
    texts = [f"w{number}" for number in range(20)]
    vectors = await encode(encoder, texts)
    np.testing.assert_allclose(vectors, [bag_of_words(text) for text in texts], atol=1e-6)
    assert len(graph.runs) == 20
    assert graph.most_under_way == (2 if graph.overlaps else 0)


async def test_shapes_are_prepared_while_nobody_waits_and_work_goes_before_them(
    make_encoder: MakeEncoder, graph: StubGraph
) -> None:
    order: list[str] = []
    held, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def prepare() -> bool:
        order.append(f"shape after {len(graph.runs)} runs")
        held.set()
        assert go_on.wait(30)
        if len(order) < 3:
            return True
        done.set()
        return False

    graph.preparations = prepare
    encoder = make_encoder()
    assert await asyncio.to_thread(held.wait, 30)
    call = await start(encoder, ["trail"])  # comes while the first is being prepared
    go_on.set()
    await call
    assert await asyncio.to_thread(done.wait, 30)
    assert await encoder.canary()
    assert order == ["shape after 0 runs", "shape after 1 runs", "shape after 1 runs"]


async def test_a_failure_leaves_what_is_under_way_its_own_vectors(
    make_encoder: MakeEncoder, graph: StubGraph, bag_of_words: Expected
) -> None:
    encoder = make_encoder(max_batch_tokens=4, cache_texts=0)
    graph.fewest_rows = 4  # a retry with half of the texts has the same shape
    texts = [f"w{number}" for number in range(60)]
    texts[5], texts[18], texts[19] = "nan", "poison", "poison w1"
    holding = await occupy(encoder, graph)
    calls = [await start(encoder, [text]) for text in texts[1:]]
    graph.gate.set()
    told = await asyncio.gather(*calls, return_exceptions=True)
    await holding
    for text, answer in zip(texts[1:], told, strict=True):
        if "nan" in text or "poison" in text:
            assert isinstance(answer, EncodingFailedError)
        else:
            assert not isinstance(answer, BaseException)
            np.testing.assert_allclose(answer, [bag_of_words(text)], atol=1e-6)


async def test_preparations_that_fail_are_given_up_and_texts_are_encoded(
    make_encoder: MakeEncoder, graph: StubGraph, bag_of_words: Expected
) -> None:
    tried = threading.Event()

    def prepare() -> bool:
        tried.set()
        raise RuntimeError("out of memory")

    graph.preparations = prepare
    encoder = make_encoder()
    assert await asyncio.to_thread(tried.wait, 30)
    np.testing.assert_allclose(await encode(encoder, ["trail"]), [bag_of_words("trail")], atol=1e-6)

"""The real encoder: an exported ONNX graph, owned by one thread."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from service.encoder.batching import BatchPolicy, Pool, cheapest_group
from service.encoder.bound import BATCH_TOKENS
from service.encoder.contract import Encoded, ModelInfo, Permit
from service.encoder.errors import EncoderClosedError, EncodingFailedError, ModelFolderError
from service.encoder.manifest import Manifest, read_manifest
from service.encoder.permits import Permits
from service.encoder.session import CPU, Graph, open_graph
from service.encoder.stats import EncoderStats, Listener, Listeners, Run
from service.encoder.tokenization import TextTokenizer, Tokens
from service.encoder.work import Call, Work, WorkBoard
from service.vectors import Vectors

_log = logging.getLogger(__name__)

# On a CPU, throughput is level from about 200 tokens a batch, and a run costs what 16 tokens do: small batches let
# urgent and cancelled work in between. A GPU wants to be filled.
_CPU_POLICY = BatchPolicy(max_tokens=1024, run_tokens=16, window=320)
# With shared rows each text more is cheap, so that batches are as large as they may be.
_PACKED_POLICY = replace(_CPU_POLICY, max_tokens=512)
_GPU_POLICY = BatchPolicy(max_tokens=BATCH_TOKENS, run_tokens=4096, window=1024)
# Texts tokenized before the next batch is run: enough to find neighbours in length, few enough that a batch is never
# kept waiting for long and that the tokenizer's intermediate results stay small whatever the length of the texts.
_CPU_TOKENIZED_AT_ONCE, _GPU_TOKENIZED_AT_ONCE = 256, 1024
_PACE_TEXTS = 200
# The canary was recorded from the same graph, so what is left is the difference between two machines' kernels. int8
# kernels differ most: without VNNI, products saturate.
_CANARY_COSINE = {"fp32": 0.999, "fp16": 0.998, "int8": 0.97}


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A run of the model that was begun.

    Attributes:
        works: what for.
        batch: their tokens.
        padded_tokens: padding included.
        started: when, on `time.perf_counter`.
        vectors: waits for them, see `Graph.start`.
    """

    works: list[Work]
    batch: Sequence[Tokens]
    padded_tokens: int
    started: float
    vectors: Callable[[], Vectors]

    @property
    def tokens(self) -> int:
        """Padding excluded."""
        return sum(map(len, self.batch))


@dataclass(slots=True)
class _Runs:
    """The thread's own counters.

    Attributes:
        pace: seconds a text of late, an exponential mean over about `_PACE_TEXTS` texts; 0 before the first run.
        finished: when the last run was, on `time.perf_counter`.
    """

    texts: int = 0
    batches: int = 0
    tokens: int = 0
    padded_tokens: int = 0
    seconds: float = 0.0
    tokenize_seconds: float = 0.0
    pace: float = 0.0
    finished: float = 0.0

    def count(self, run: _UnderWay, seconds: float) -> None:
        """Add a run that took so long."""
        texts = len(run.batch)
        self.texts += texts
        self.batches += 1
        self.tokens += run.tokens
        self.padded_tokens += run.padded_tokens
        self.seconds += seconds
        weight = min(1.0, texts / _PACE_TEXTS) if self.pace else 1.0
        self.pace += weight * (seconds / texts - self.pace)


class OnnxEncoder:
    """Encodes texts with an exported graph; implements `contract.Encoder`.

    One thread owns the session, so that requests are batched together instead of competing for the cores. Texts wait
    in a pool from which it takes batches by a budget of tokens, with texts of similar length together.

    A text's vector does not depend on which texts share its batch: within 1e-5 for fp32, a cosine of 0.9999 for int8
    and fp16, as each export is checked for.

    Args:
        manifest: describes the graph.
        tokenizer: of the same folder.
        graph: of the same folder; from here on only this encoder's thread runs it.
        capacity_texts: texts admitted at one time.
        cache_texts: vectors kept in the cache; 0 turns it off.
        max_batch_tokens: see `BatchPolicy.max_tokens`; by default what suits the graph's provider.
        max_wait: seconds that a call may wait for its turn; by default for ever.
    """

    def __init__(
        self,
        manifest: Manifest,
        tokenizer: TextTokenizer,
        graph: Graph,
        *,
        capacity_texts: int = 4096,
        cache_texts: int = 50_000,
        max_batch_tokens: int | None = None,
        max_wait: float = math.inf,
    ) -> None:
        self._manifest = manifest
        self._tokenizer = tokenizer
        self._info = manifest.info(graph.provider)
        self._permits = Permits(capacity_texts, max_wait, self._waiting)
        self._board = WorkBoard(manifest.dim, cache_texts)
        self._pool = Pool(_policy(graph, max_batch_tokens))
        self._runs = _Runs()
        self._listeners = Listeners()
        # A daemon, so that a process that forgot to close the encoder still ends.
        self._thread = threading.Thread(target=self._serve, args=(graph,), name="encoder", daemon=True)
        self._thread.start()

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        capacity_texts: int = 4096,
        cache_texts: int = 50_000,
        max_batch_tokens: int | None = None,
        max_wait: float = math.inf,
        force_cpu: bool = False,
    ) -> "OnnxEncoder":
        """Load an exported folder, after checking it, and warm the model up.

        Raises:
            ModelFolderError: the folder is not what `onnx_export` wrote; the message names the remedy.
        """
        manifest = read_manifest(folder)
        tokenizer = TextTokenizer.load(folder, manifest)
        graph = open_graph(folder, manifest, force_cpu=force_cpu)
        _warm_up(folder, manifest, tokenizer, graph)
        return cls(
            manifest,
            tokenizer,
            graph,
            capacity_texts=capacity_texts,
            cache_texts=cache_texts,
            max_batch_tokens=max_batch_tokens,
            max_wait=max_wait,
        )

    @property
    def info(self) -> ModelInfo:
        """What is loaded."""
        return self._info

    @property
    def stats(self) -> EncoderStats:
        """The counters now."""
        counts, runs = self._board.counts, self._runs
        return EncoderStats(
            texts_encoded=runs.texts,
            cache_hits=counts.cache_hits,
            cache_misses=counts.cache_misses,
            joined=counts.joined,
            dropped=counts.dropped,
            truncated=counts.truncated,
            batches=runs.batches,
            tokens=runs.tokens,
            padded_tokens=runs.padded_tokens,
            busy_seconds=runs.seconds,
            tokenize_seconds=runs.tokenize_seconds,
            cached=self._board.cached,
            admitted=self._permits.admitted,
            pending=self._board.pending,
        )

    def listening(self, listener: Listener) -> AbstractContextManager[None]:
        """Have every run of the model told to the listener, as long as the context is open."""
        return self._listeners.added(listener)

    def cached(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text's vector is in the cache at this moment."""
        return self._board.holds(texts)

    def admit(self, texts: int) -> AbstractContextManager[Permit]:
        """Ask for the right to encode that many texts; held for the length of the `with` block.

        More texts than the whole capacity are admitted while nothing else is, so that no request is impossible.

        Raises:
            EncoderSaturatedError: at once on entering the block, when there is no room, or when at the speed seen so
                far its turn would come after `max_wait`.
        """
        return self._permits.admit(texts)

    async def encode(self, texts: Sequence[str], permit: Permit) -> Encoded:
        """Encode texts, the empty text included. Work whose caller is cancelled is dropped before it is encoded.

        Raises:
            ValueError: more texts than the permit is for.
            EncodingFailedError: the model failed on one of these texts.
            EncoderClosedError: the encoder is closed.
            EncoderSaturatedError: none of them had its turn within `max_wait`; they are dropped.
        """
        if len(texts) > permit:
            raise ValueError(f"{len(texts)} texts under a permit for {permit}")
        call = self._board.submit(texts)
        expiry = self._expiry(call)
        try:
            return await call.result()
        finally:
            if expiry is not None:
                expiry.cancel()
            self._board.withdraw(call)

    async def canary(self) -> bool:
        """Whether a real forward pass right now gives the vector that the export recorded.

        It goes before all waiting work and past the cache, and needs no permit, so that it also tells the truth
        while the service is saturated.
        """
        try:
            call = self._board.submit_canary(self._manifest.canary.text)
            try:
                encoded = await call.result()
            finally:
                self._board.withdraw(call)
        except (EncoderClosedError, EncodingFailedError) as error:
            _log.warning("the canary could not be encoded: %s", error)
            return False
        cosine = _cosine(encoded.vectors[0], np.asarray(self._manifest.canary.vector))
        return cosine >= _CANARY_COSINE[self._manifest.precision]

    def close(self) -> None:
        """Stop the thread after the batch that it is running, and free the model. Waiting work fails.

        It blocks for as long as that batch takes. Closing twice is allowed.
        """
        self._board.close()
        self._thread.join()

    def _expiry(self, call: Call) -> asyncio.TimerHandle | None:
        """The timer that gives the call up when its turn does not come; None where it need not wait."""
        if not call.missing or math.isinf(self._permits.max_wait):
            return None
        return call.loop.call_later(self._permits.max_wait, self._expire, call)

    def _expire(self, call: Call) -> None:
        self._board.expire(call, self._permits.refusal())

    def _serve(self, graph: Graph) -> None:
        """What the thread does. The graph is its argument, so that nobody else has it and it is freed with it.

        Where the graph runs elsewhere, on a GPU, the next batch is prepared and begun before the last one is waited
        for: so the device does not stand still while texts are tokenized and vectors handed out.
        """
        at_once = _CPU_TOKENIZED_AT_ONCE if graph.provider == CPU else _GPU_TOKENIZED_AT_ONCE
        tokenize = partial(self._tokenize, graph)
        run = partial(self._run, graph)
        under_way: _UnderWay | None = None
        failed: list[list[Work]] = []
        prepared = False
        try:
            while True:
                idle = not self._pool and under_way is None
                arrived = self._board.arrivals(at_once, wait=idle and prepared)
                if arrived is None:
                    return
                if idle and not arrived:
                    prepared = _is_prepared(graph)
                    continue
                self._isolating_failures(tokenize, arrived)
                self._pool.add(work for work in arrived if work.tokens is not None)
                begun = self._begin(graph, self._board.claim(self._pool.take_batch()), failed)
                if under_way is not None:
                    self._finish(under_way, failed)
                if begun is not None and (failed or not graph.overlaps):
                    self._finish(begun, failed)
                    begun = None
                # Only now that nothing is under way: a retry would be given the buffers of what is.
                while failed:
                    self._isolating_failures(run, failed.pop())
                under_way = begun
        finally:
            # However the thread ends, nobody may wait for it for ever.
            self._board.abandon()

    def _begin(self, graph: Graph, works: list[Work], failed: list[list[Work]]) -> _UnderWay | None:
        """Begin a run on the works; None where there are none, or where it failed."""
        if not works:
            return None
        try:
            return self._start(graph, works)
        except Exception:  # noqa: BLE001 - tried again, and told, by _isolating_failures
            failed.append(works)
            return None

    def _finish(self, run: _UnderWay, failed: list[list[Work]]) -> None:
        """Wait for a run, and hand its vectors out."""
        try:
            self._deliver(run)
        except Exception:  # noqa: BLE001 - tried again, and told, by _isolating_failures
            failed.append(run.works)

    def _isolating_failures(self, step: Callable[[list[Work]], None], works: list[Work]) -> None:
        """Do a step; when it fails, halve the works until those that cause it are alone, and fail only these."""
        if not works:
            return
        try:
            step(works)
        except Exception as error:  # noqa: BLE001 - the thread must survive whatever the model raises; callers get it
            if len(works) == 1:
                self._board.fail(works[0], error)
                return
            middle = len(works) // 2
            self._isolating_failures(step, works[:middle])
            self._isolating_failures(step, works[middle:])

    def _tokenize(self, graph: Graph, works: list[Work]) -> None:
        started = time.perf_counter()
        for work, tokens in zip(works, self._tokenizer.tokenize([work.text for work in works]), strict=True):
            work.tokens = tokens
            work.length = graph.padded_length(len(tokens))
        seconds = time.perf_counter() - started
        self._runs.tokenize_seconds += seconds
        self._board.tokenized(works, seconds)

    def _run(self, graph: Graph, works: list[Work]) -> None:
        self._deliver(self._start(graph, works))

    def _start(self, graph: Graph, works: list[Work]) -> _UnderWay:
        batch = [work.tokens for work in works if work.tokens is not None]
        started = time.perf_counter()
        feeds = graph.lay_out(batch)
        return _UnderWay(works, batch, feeds["input_ids"].size, started, graph.start(feeds))

    def _deliver(self, run: _UnderWay) -> None:
        vectors = run.vectors()[: len(run.batch)]
        ended = time.perf_counter()
        # From when the model was free for it: it may have been begun while the run before was under way.
        seconds = ended - max(run.started, self._runs.finished)
        self._runs.finished = ended
        if vectors.shape != (len(run.batch), self._manifest.dim) or not np.isfinite(vectors).all():
            raise ValueError(f"the model gave an array of shape {vectors.shape}, or numbers that are not finite")
        self._runs.count(run, seconds)
        calls = self._board.deliver(run.works, vectors, seconds)
        callers = [call.context for call in sorted(calls, key=lambda call: call.submitted)]
        self._listeners.tell(Run(len(run.batch), run.tokens, run.padded_tokens, seconds, ended, callers))

    def _waiting(self) -> float:
        """Seconds in which what is waiting should be done, at the speed of late."""
        return self._board.pending * self._runs.pace


def _is_prepared(graph: Graph) -> bool:
    """Do one more of the graph's preparations; whether all are done. Texts are encoded without them, too."""
    try:
        return not graph.prepare()
    except Exception:  # noqa: BLE001 - ONNX Runtime's exception classes share no other base
        _log.exception("the model cannot be prepared for every shape; the first of some will take longer")
        return True


def _policy(graph: Graph, max_batch_tokens: int | None) -> BatchPolicy:
    policy = _GPU_POLICY
    if graph.provider == CPU:
        policy = replace(_PACKED_POLICY, rows=graph.rows) if graph.rows.packs else _CPU_POLICY
    return policy if max_batch_tokens is None else replace(policy, max_tokens=max_batch_tokens)


def _warm_up(folder: Path, manifest: Manifest, tokenizer: TextTokenizer, graph: Graph) -> None:
    """Run the shortest and the longest input once, so that the first caller does not pay for what is set up lazily."""
    cheapest_group([1, 2], 0, _policy(graph, None))  # compiled here
    long_text = " ".join([manifest.canary.text] * manifest.max_tokens)
    for text in ("", long_text):
        try:
            (tokens,) = tokenizer.tokenize([text])
            vectors = graph.start(graph.lay_out([tokens]))()[:1]
        except Exception as error:  # ONNX Runtime's exception classes share no other base
            raise ModelFolderError(f"the model in {folder} does not run: {error}") from error
        if vectors.shape != (1, manifest.dim):
            raise ModelFolderError(
                f"the model in {folder} gives vectors of shape {vectors.shape} where the manifest says "
                f"(1, {manifest.dim}); export the model again"
            )
        if not np.isfinite(vectors).all():
            raise ModelFolderError(f"the model in {folder} gives numbers that are not finite; export the model again")


def _cosine(one: Vectors, other: Vectors) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0

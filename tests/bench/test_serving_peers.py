"""The protocol of bench/serving/peers, against scripts that stand in for peers; no peer is installed."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.serving.peers import compare, in_process
from bench.serving.peers.compare import DifferentModelError, PeerError, lowest_cosine, open_in_process, take_turns
from bench.serving.peers.infinity import Endpoint
from bench.serving.peers.install import InstallError, make_environment
from bench.serving.peers.layout import ENVIRONMENTS, Layout, python_of, requirements

TEXTS = ["one", "two words", "and three words"]

# What in_process.py does, with an engine that prints to standard output and counts letters.
GOOD = f"""
import sys
sys.path.insert(0, {str(Path(in_process.__file__).parent)!r})
import numpy as np
import in_process
def letters(model, threads, graph):
    print("loading", graph)
    return lambda texts, size: np.array([[len(text), 1.0] for text in texts], np.float32)
in_process.ENGINES["fastembed"] = letters
in_process.main()
"""
DIES_AT_ONCE = "import sys; sys.exit('no such model')"
DIES_LATER = """
import json, sys, numpy as np
np.save(sys.argv[sys.argv.index("--vectors") + 1], np.ones((3, 2), np.float32))
print(json.dumps({"engine": "x", "versions": {}, "setting": {}, "texts": 3}), flush=True)
input()
sys.exit("out of memory")
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """What looks like a virtual environment, with this interpreter."""
    python = python_of(tmp_path / "environment")
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return tmp_path / "environment"


def script(folder: Path, text: str) -> Path:
    path = folder / "peer.py"
    path.write_text(text)
    return path


def test_a_peer_repeats_on_demand_and_hands_over_its_vectors(environment: Path, tmp_path: Path) -> None:
    with open_in_process(
        environment,
        "fastembed",
        TEXTS,
        model=tmp_path,
        threads=1,
        batch_sizes=[2, 4],
        script=script(tmp_path, GOOD),
    ) as peer:
        seconds = take_turns({"peer": peer.repeat, "ours": lambda: 1.0}, 3)
    figures = peer.figures(seconds["peer"])
    assert (figures.engine, figures.texts, len(figures.seconds)) == ("fastembed", 3, 3)
    assert min(figures.seconds) > 0
    assert figures.best >= figures.median > 0
    assert figures.setting["batch_size"] in {2, 4}
    assert figures.setting["graph"] in in_process.GRAPHS
    assert figures.versions["numpy"] == np.__version__
    assert figures.vectors[:, 0].tolist() == [3, 9, 15]
    assert peer.process.returncode == 0


def test_a_peer_that_does_not_start_says_why(environment: Path, tmp_path: Path) -> None:
    opened = open_in_process(environment, "x", TEXTS, model=tmp_path, threads=1, script=script(tmp_path, DIES_AT_ONCE))
    with pytest.raises(PeerError, match="ended with 1:\nno such model"), opened:
        pass


def test_a_peer_that_dies_between_repetitions_says_why(environment: Path, tmp_path: Path) -> None:
    with (
        open_in_process(
            environment, "x", TEXTS, model=tmp_path, threads=1, script=script(tmp_path, DIES_LATER)
        ) as peer,
        pytest.raises(PeerError, match="out of memory"),
    ):
        peer.repeat()


def test_encoders_take_turns() -> None:
    order: list[str] = []

    def repetition(name: str) -> float:
        order.append(name)
        return float(len(order))

    seconds = take_turns({name: lambda name=name: repetition(name) for name in "abc"}, 2)  # type: ignore[misc]
    assert "".join(order) == "abcabc"
    assert seconds == {"a": [1, 4], "b": [2, 5], "c": [3, 6]}


def test_the_fastest_setting_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = {("slow", 8): 3.0, ("slow", 16): 2.5, ("fast", 8): 1.0, ("fast", 16): 2.0}
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    def load(graph: str) -> in_process.Encode:
        def encode(texts: Sequence[str], size: int) -> in_process.Vectors:
            clock[0] += cost[graph, size]
            return np.ones((len(texts), 2), np.float32)

        return encode

    _, setting, tried = in_process.choose(load, ("slow", "fast"), (8, 16), TEXTS)
    assert setting == ("fast", 8)
    assert len(tried) == 4


def test_the_same_vectors_are_the_same_model_and_others_are_not() -> None:
    ours = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    assert lowest_cosine(ours, 2 * ours) == pytest.approx(1)
    with pytest.raises(DifferentModelError, match="shape"):
        lowest_cosine(ours, ours[:4])
    with pytest.raises(DifferentModelError, match="cosine"):
        lowest_cosine(ours, ours[::-1])
    with pytest.raises(DifferentModelError, match="nan"):
        lowest_cosine(ours, 0 * ours)


def test_both_formats_of_infinity_are_read() -> None:
    endpoint = Endpoint("http://127.0.0.1:1/embeddings", "torch")
    asked = json.loads(endpoint.body(["héllo"], "base64"))
    assert asked == {"model": "model", "input": ["héllo"], "encoding_format": "base64"}
    plain = b'{"data": [{"embedding": [1.0, 2.0]}, {"embedding": [3.0, 4.0]}]}'
    packed = b'{"data": [{"embedding": "AACAPwAAAEA="}, {"embedding": "AABAQAAAgEA="}]}'
    assert endpoint.vectors(plain).tolist() == endpoint.vectors(packed).tolist() == [[1, 2], [3, 4]]


def test_every_environment_is_pinned_exactly() -> None:
    for name in ENVIRONMENTS:
        lines = requirements(name).read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if not line.startswith("#")]
        assert pins
        assert all("==" in pin for pin in pins)


def test_a_folder_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    folder = Layout(tmp_path).environment("fastembed")
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("precious")
    with pytest.raises(InstallError, match="not made here"):
        make_environment(folder, requirements("fastembed"))
    assert (folder / "mine.txt").read_text() == "precious"


def test_the_script_is_where_the_comparison_looks_for_it() -> None:
    assert Path(in_process.__file__) == compare.SCRIPT

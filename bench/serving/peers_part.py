"""Part 2: the encoder and `POST /encode` beside other programs that serve the same model."""

import base64
import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from bench.serving.encoder import BRIEF, FULL, text_sets
from bench.serving.pairs import Pairs, Repetition, in_pairs, ratio_cell, target_line
from bench.serving.peers.compare import (
    PeerError,
    Vectors,
    lowest_cosine,
    open_in_process,
    open_swerve,
    post_all,
    take_turns,
)
from bench.serving.peers.infinity import ENGINES as SERVERS
from bench.serving.peers.infinity import InfinityError, infinity
from bench.serving.peers.layout import Layout
from bench.serving.postgres import postgres
from bench.serving.service_process import service_process
from bench.serving.setting import Setting
from service.encoder.session import available_cpus

TITLE = "Peers: the same model served by others"
TARGET = 1.0
ENVIRONMENTS = {
    "sentence-transformers-torch": "sentence-transformers",
    "sentence-transformers-onnx": "sentence-transformers",
    "fastembed": "fastembed",
}
REQUEST_TEXTS, AT_ONCE = 32, 8
OURS = "Swerve"


def measure(setting: Setting) -> dict[str, Any]:
    """Speed in units of each peer's, in process and over HTTP; `missing` without the peers' folder."""
    if setting.peers is None:
        return {"missing": "the peers are not installed; see `python -m bench.serving.peers.install`"}
    layout = Layout(setting.peers.resolve())
    size = BRIEF if setting.brief else FULL
    sets = []
    for name, texts in text_sets(setting.texts, size, setting.random).items():
        setting.progress(f"{len(texts)} texts, {name}")
        rows = _in_process(setting, layout, texts, size.pairs) + _over_http(setting, layout, texts, size.pairs)
        sets.append({"name": name, "texts": len(texts), "rows": rows})
    return {"target": TARGET, "threads": available_cpus(), "sets": sets}


def _in_process(setting: Setting, layout: Layout, texts: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """All encoders stay loaded and take turns."""
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        repeat, ours = stack.enter_context(open_swerve(setting.model, texts))
        turns, opened = {OURS: repeat}, {}
        for engine, environment in ENVIRONMENTS.items():
            setting.progress(f"  {engine}")
            try:
                peer = stack.enter_context(
                    open_in_process(
                        layout.environment(environment), engine, texts, model=layout.model, threads=available_cpus()
                    )
                )
            except (PeerError, OSError) as error:
                rows.append({"engine": engine, "missing": str(error)})
                continue
            opened[engine], turns[engine] = peer, peer.repeat
        seconds = take_turns(turns, rounds)
        for engine, peer in opened.items():
            pairs = Pairs(tuple(seconds[engine]), tuple(seconds[OURS]))
            rows.append(
                {
                    "engine": engine,
                    "versions": dict(peer.versions),
                    "setting": dict(peer.setting),
                    "lowest_cosine": lowest_cosine(ours, peer.vectors),
                    **pairs.figures(len(texts), 0),
                }
            )
    return rows


def _over_http(setting: Setting, layout: Layout, texts: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Both servers run at once, and one of them is asked at a time."""
    batches = [texts[start : start + REQUEST_TEXTS] for start in range(0, len(texts), REQUEST_TEXTS)]
    bodies = [json.dumps({"texts": list(batch), "encoding_format": "base64"}).encode() for batch in batches]
    rows: list[dict[str, Any]] = []
    with (
        postgres() as database,
        service_process(setting.model, database, encoder_cache_texts="0", encoder_max_wait_seconds="60") as service,
    ):
        for engine in SERVERS:
            setting.progress(f"  infinity, {engine}")
            try:
                with infinity(layout, engine, threads=available_cpus()) as server:
                    theirs = [server.body(batch, "base64") for batch in batches]
                    ask_ours = _asking(f"{service.url}/encode", bodies)
                    ask_theirs = _asking(server.url, theirs)
                    answer = post_all(server.url, theirs[:1], at_once=1)[1][0]
                    own = _own_vectors(post_all(f"{service.url}/encode", bodies[:1], at_once=1)[1][0])
                    cosine = lowest_cosine(own, server.vectors(answer))
                    for ask in (ask_ours, ask_theirs):
                        ask()  # connections, and what each sets up lazily
                    found = in_pairs(ask_theirs, ask_ours, rounds)
            except (InfinityError, OSError) as error:
                rows.append({"engine": f"infinity, {engine}", "missing": str(error)})
                continue
            rows.append(
                {
                    "engine": f"infinity, {engine}, over HTTP",
                    "versions": {},
                    "setting": {"texts a request": REQUEST_TEXTS, "requests at once": AT_ONCE},
                    "lowest_cosine": cosine,
                    **found.figures(len(texts), 0),
                }
            )
    return rows


def _asking(url: str, bodies: Sequence[bytes]) -> Repetition:
    return lambda: post_all(url, bodies, at_once=AT_ONCE)[0]


def _own_vectors(response: bytes) -> Vectors:
    found = json.loads(response)["vectors"]
    return np.stack([np.frombuffer(base64.b64decode(one), "<f4") for one in found])


def section(figures: dict[str, Any]) -> list[str]:
    """A table, or in plain words that the peers were left out."""
    if "missing" in figures:
        return [f"**Not compared: {figures['missing']}.**", ""]
    lines = [
        (
            "Swerve beside each peer, in turns, with the same weights at full precision and "
            f"{figures['threads']} threads; each peer with the batch size and graph that were fastest of those tried. "
            "Lowest cosine: between both programs' vectors of one text. Caches are off."
        ),
        "",
        "| texts | peer | Swerve : peer | Swerve texts/s | peer texts/s | lowest cosine | peer's setting |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in figures["sets"]:
        lines += [_row(one["name"], row) for row in one["rows"]]
    return [*lines, "", target_line(f"at least {figures['target']:g} beside every peer", _missed(figures)), ""]


def _row(name: str, row: dict[str, Any]) -> str:
    if "missing" in row:
        return f"| {name} | {row['engine']} | not measured: {row['missing'].splitlines()[0]} | | | | |"
    speeds = f"{row['texts_per_second']:,.0f} | {row['reference_texts_per_second']:,.0f}"
    setting = ", ".join(f"{key} {value}" for key, value in row["setting"].items() if value)
    return f"| {name} | {row['engine']} | {ratio_cell(row)} | {speeds} | {row['lowest_cosine']:.5f} | {setting} |"


def _missed(figures: dict[str, Any]) -> list[str]:
    """A peer that was not measured is not beaten either."""
    missed = []
    for one in figures["sets"]:
        for row in one["rows"]:
            if "missing" in row:
                missed.append(f"{row['engine']} was not measured, {one['name']}")
            elif row["ratio"] < figures["target"]:
                missed.append(f"{row['ratio']:.3f} beside {row['engine']}, {one['name']}")
    return missed

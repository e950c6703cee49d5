"""The simulated domains of bench/populations."""

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from bench.populations.__main__ import app
from bench.populations.simulate import World, false_shifts, hours_of, hours_to_find


def test_a_domain_is_as_described() -> None:
    world = World(topics=20, rate=200.0, rhythm=0.5, correlation=0.02)
    changed, gained = hours_of(world, 4800, np.random.default_rng(0))
    assert abs(changed.mean() / world.rate - 1) < 0.1
    share = gained.sum(0) / changed.sum()
    assert abs(share.sum() - 3) < 0.6  # large shares are cut
    varies = np.var((gained - changed[:, None] * share) / np.sqrt(share * (1 - share)), axis=0)
    pairs = (changed * (1 + (changed - 1) * world.correlation)).mean()
    assert abs(np.median(varies) / pairs - 1) < 0.1


def test_the_same_seed_is_the_same_domain() -> None:
    world = World(topics=20, rate=50.0)
    assert [hours_to_find(world, 60, seed) for seed in (1, 1)] == [1, 1]
    assert hours_to_find(world, 0, 1) is None
    assert false_shifts(world, 1, 1) == 0


def test_the_page_has_every_figure(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--brief", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "populations.json").read_text(encoding="utf-8"))
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert page.count("\n| ") == 2 + len(figures["calm"]) + len(figures["planted"]) + 2
    for row in figures["calm"]:
        assert f"| {row['name']} | {row['world']['rate']:g} |" in page

"""The picture, from a year made by hand."""

import doctest
import struct
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bench.household import cards, panels, picture, style, words
from bench.household.replay import Year
from bench.household.route import beside, principal


@pytest.mark.parametrize("module", [picture, style, words])
def test_the_examples_in_the_docstrings(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_it_is_a_png_of_1600_pixels_width(year: Year, tmp_path: Path) -> None:
    out = tmp_path / "demo.png"
    picture.save(picture.draw(year), out)
    data = out.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">I", data[16:20]) == (1600,)
    assert len(data) > 50_000
    assert [path.name for path in tmp_path.iterdir()] == ["demo.png"]


def test_its_panels_are_labelled_and_share_their_time(year: Year) -> None:
    topics, odds, bought, way = picture.draw(year).axes
    assert topics.get_ylabel() == "share of the interest"
    assert odds.get_ylabel() == "log-odds (nats)"
    assert "dashed: the threshold, 1.40" in odds.get_title(loc="left")
    assert bought.get_xlabel() == "time of purchase, January 2017 to June 2017"
    assert [label.get_text() for label in bought.get_yticklabels()] == ["film", "bread"]
    assert "interest vector" in way.get_title(loc="left")
    assert topics.get_xlim() == odds.get_xlim() == bought.get_xlim()


def test_what_a_change_gained_has_a_colour_however_short_it_lasted(year: Year) -> None:
    shares = {f"lasting {n}": np.full(60, 0.1) for n in range(9)} | {"camera, lens, film": np.eye(60)[42]}
    told = panels.told_topics(year, shares)
    assert len(told) == len(style.OKABE_ITO)
    assert told[-1] == "camera, lens, film"


def test_a_change_is_told_with_what_speaks_for_it(year: Year) -> None:
    told = cards.tell(year)
    assert "2017-05-07  a new interest" in told
    assert "Log-odds 3.0, 3 purchases into it, it began on 1 May" in told
    assert "Because of single use camera\n" in told
    assert "Household 1: 60 baskets with 60 purchases, one change of interest" in told


def test_a_year_without_a_change_is_drawn_too(year: Year) -> None:
    figure = picture.draw(replace(year, alarms=(), points=year.points[:1], baskets=year.baskets[:1]))
    assert any("No change" in text.get_text() for text in figure.texts)


def test_of_many_changes_the_strongest_have_cards(year: Year) -> None:
    alarms = []
    for n in range(9):
        change = type(year.alarms[0].change).from_dict(year.alarms[0].change.to_dict() | {"log_odds": float(n)})
        alarms.append(replace(year.alarms[0], declared_at=year.points[10].at + timedelta(hours=n), change=change))
    many = replace(year, alarms=tuple(alarms))
    assert [number for number, _ in cards.strongest(many)] == [4, 5, 6, 7, 8, 9]
    wanted = [0.5 + n / 1000 for n in range(9)]
    assert np.diff(picture.spread(wanted, 0.02)) == pytest.approx(0.02)
    assert len(picture.draw(many).axes) == 4


def test_numbers_of_one_place_on_the_map_stay_apart() -> None:
    shifts = beside(np.zeros((3, 2)), np.random.default_rng(0).normal(size=(30, 2)))
    gaps = [np.linalg.norm(shifts[a] - shifts[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > 20


def test_principal_components_keep_the_largest_distances() -> None:
    vectors = np.zeros((5, 8))
    vectors[:, 3] = [0, 1, 2, 3, 4]
    plane = principal(vectors)
    assert abs(plane[4, 0] - plane[0, 0]) == pytest.approx(4)
    assert plane[:, 1] == pytest.approx(0)
    assert principal(vectors[:1]).shape == (1, 2)


def test_nothing_to_draw_is_an_error(year: Year) -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        picture.draw(replace(year, points=()))

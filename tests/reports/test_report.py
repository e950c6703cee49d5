"""The page and its JSON, from made-up figures."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from service.reports import Figures, Interval, ReportError, RunLength, Trial, to_json, write_report
from tests.conftest import ROOT
from tests.reports.conftest import CHINESE, SCRIPT, TEXTS
from tests.reports.page import Page

SECTIONS = {
    "How many changes are found, and how soon": "planted",
    "False alarms: asked and measured": "run_lengths",
    "A few real users": "examples",
    "Topics": "topics",
    "What was tried": "trials",
}
"""What each heading depends on."""


def written(figures: Figures, folder: Path) -> str:
    write_report(figures, folder / "report.html")
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def html(figures: Figures, tmp_path: Path) -> str:
    return written(figures, tmp_path)


@pytest.fixture
def page(html: str) -> Page:
    return Page(html)


def test_the_same_figures_give_the_same_bytes_in_another_process_too(
    html: str, figures: Figures, tmp_path: Path
) -> None:
    assert written(figures, tmp_path) == html
    program = (
        "from pathlib import Path; from service.reports import write_report;"
        "from tests.reports.conftest import figures;"
        f"write_report(figures(), Path({str(tmp_path / 'other.html')!r}))"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "7"}, check=True)
    assert (tmp_path / "other.html").read_text(encoding="utf-8") == html


def test_the_readers_matplotlib_settings_change_nothing(html: str, figures: Figures, tmp_path: Path) -> None:
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30, "axes.grid": True, "savefig.bbox": "tight"}):
        assert written(figures, tmp_path) == html
        assert mpl.rcParams["font.size"] == 30


def test_it_fetches_nothing_and_runs_nothing(page: Page) -> None:
    tags = {element.tag for element in page.everything()}
    assert not tags & {"script", "link", "img", "image", "iframe", "object", "embed", "base", "form", "foreignobject"}
    for element in page.everything():
        for name, value in element.attributes.items():
            assert not name.startswith("on"), name
            assert name not in {"src", "srcset", "action", "data", "xlink:href"}, name
            assert name != "href" or (value or "").startswith("#"), value
            assert "http" not in (value or "").replace("http-equiv", ""), (name, value)
            assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", value or ""))
    css = " ".join(" ".join(element.texts) for element in page.everything() if element.tag == "style")
    assert "url(" not in css
    assert "@import" not in css


def test_what_refers_inside_the_page_is_there_once(page: Page) -> None:
    ids = [value for element in page.everything() if (value := element.attributes.get("id"))]
    assert len(ids) == len(set(ids))
    for element in page.everything():
        for name in ("href", "clip-path", "aria-labelledby"):
            for target in (element.attributes.get(name) or "").split():
                assert target.removeprefix("url(").removesuffix(")").removeprefix("#") in ids


def test_markup_in_a_log_stays_text(page: Page, html: str) -> None:
    assert "<script" not in html
    assert SCRIPT in page.root.text()


def test_markup_is_text_wherever_it_comes_from(figures: Figures, tmp_path: Path) -> None:
    evil = "</title></style></svg><script>$x$</script><b onclick='x'>"

    planted = figures.planted[0]
    curves = tuple(replace(curve, detector=evil + curve.detector) for curve in planted.curves)
    rows = tuple(replace(row, detector=evil + row.detector) for row in planted.rows)
    spoiled = replace(
        figures,
        title=evil,
        made_at=evil,
        version=evil,
        command=evil,
        model={evil: evil},
        profile={evil: evil},
        source=replace(figures.source, name=evil, first=evil, last=evil, split={evil: 3}),
        planted=(replace(planted, kind=evil, curves=curves, rows=rows),),
        examples=tuple(replace(example, user=evil) for example in figures.examples),
        topics=tuple(replace(topic, label=evil, examples=(evil,)) for topic in figures.topics),
        trials=(Trial(evil, {evil: 1.0}, None, None, True),),
        notes=(evil,),
    )
    html = written(spoiled, tmp_path)
    page = Page(html)
    assert not {element.tag for element in page.everything()} & {"script", "b onclick"}
    assert all("onclick" not in element.attributes for element in page.everything())
    assert html.count("</title>") == 1 + len(page.root.all("svg"))


def test_chinese_is_shown(page: Page, html: str, figures: Figures, tmp_path: Path) -> None:
    assert CHINESE in page.root.text()
    assert TEXTS[1] in page.root.text()
    planted = figures.planted[0]
    curves = (replace(planted.curves[0], detector="突变检测"), *planted.curves[1:])
    drawn = Page(written(replace(figures, planted=(replace(planted, curves=curves),)), tmp_path)).root.all("svg")[0]
    assert "突变检测" in [text.text() for text in drawn.all("text")]
    assert "DejaVu" not in html  # the reader's own fonts


def test_each_drawing_has_a_title_a_description_and_a_caption(page: Page) -> None:
    figures = page.root.all("figure")
    assert len(figures) == 2 + 1 + 3
    for figure in figures:
        (svg,) = figure.all("svg")
        (title,), (description,) = svg.all("title"), svg.all("desc")
        assert svg.attributes["aria-labelledby"] == f"{title.attributes['id']} {description.attributes['id']}"
        assert title.text()
        assert description.text()
        assert figure.all("figcaption")[0].text()
    assert len(page.root.all("caption")) == len(page.root.all("table"))


def test_colours_are_the_pages_own_so_that_they_follow_light_and_dark(page: Page) -> None:
    for svg in page.root.all("svg"):
        styles = " ".join(
            element.attributes.get("style") or "" for tag in ("path", "use", "text") for element in svg.all(tag)
        )
        assert "var(--ours)" in styles
        assert "#" not in styles


def test_the_json_is_the_figures(figures: Figures, tmp_path: Path) -> None:
    write_report(figures, tmp_path / "report.html", tmp_path / "report.json")
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert text == to_json(figures)
    read = json.loads(text, parse_constant=pytest.fail)
    assert list(read) == sorted(read)
    assert read["examples"][2]["log_odds"][0] is None  # it is minus infinity
    finite = replace(figures, examples=figures.examples[:2])
    assert json.loads(to_json(finite)) == json.loads(json.dumps(asdict(finite)))


@pytest.mark.parametrize(("heading", "of"), SECTIONS.items())
def test_what_is_empty_is_left_out_with_its_heading(
    heading: str, of: str, page: Page, figures: Figures, tmp_path: Path
) -> None:
    nothing: dict[str, Any] = {of: ()}  # of one of the figures' types
    without = Page(written(replace(figures, **nothing), tmp_path))
    there = [found.text() for found in page.root.all("h2")]
    assert [found.text() for found in without.root.all("h2")] == [found for found in there if found != heading]
    assert heading not in [link.text() for link in without.root.all("a")]


def test_the_least_that_a_report_can_be_of(figures: Figures, tmp_path: Path) -> None:
    bare = replace(
        figures,
        model={},
        profile={},
        planted=(),
        run_lengths=(),
        examples=(),
        topics=(),
        trials=(),
        notes=(),
        command="",
    )
    page = Page(written(bare, tmp_path))
    assert [found.text() for found in page.root.all("h2")] == ["Numbers of the profile, model and log"]
    assert [found.text() for found in page.root.all("h3")] == ["Log"]
    assert not page.root.all("svg")
    assert not [found for found in page.root.all("dl") if found.attributes.get("class") == "facts"]


def test_what_was_not_measured_is_a_dash(figures: Figures, tmp_path: Path) -> None:
    nothing = Interval(None, None, None)
    planted = figures.planted[0]
    rows = tuple(
        replace(row, within_5=nothing, within_10=nothing, within_20=nothing, median_delay=None) for row in planted.rows
    )
    page = Page(
        written(
            replace(
                figures,
                planted=(replace(planted, curves=(), rows=rows),),
                run_lengths=(RunLength(1000.0, 4.0, nothing),),
                trials=(Trial("topics", {}, None, None, True),),
            ),
            tmp_path,
        )
    )
    cells = [row.text() for table in page.root.all("table")[:2] for row in table.all("tr")]
    assert "Swerve – – – –" in cells
    assert "1,000 – 4" in cells
    assert len(page.root.all("svg")) == len(figures.examples)


def test_the_detectors_own_rows_stand_out(page: Page) -> None:
    for table in page.root.all("table")[:2]:
        ours = [row for row in table.all("tr") if row.attributes.get("class") == "ours"]
        assert [row.all("th")[0].text() for row in ours] == ["Swerve", "Swerve"]


def test_only_the_largest_topics_are_unfolded(page: Page) -> None:
    (section,) = (found for found in page.root.all("section") if found.attributes["id"] == "topics")
    first, second = section.all("table")
    assert len(first.all("tr")) == 1 + 60
    assert len(second.all("tr")) == 1 + 23
    (folded,) = section.all("details")
    assert folded.all("summary")[0].text() == "23 smaller topics"
    assert folded.all("table") == [second]


def test_many_trials_are_folded_but_for_the_chosen_ones(figures: Figures, tmp_path: Path) -> None:
    trials = tuple(Trial("topics", {"topics": float(n)}, 0.5, -3.0, n == 7) for n in range(90))
    page = Page(written(replace(figures, trials=trials), tmp_path))
    (section,) = (found for found in page.root.all("section") if found.attributes["id"] == "tried")
    shown, folded = section.all("table")
    assert [row.text() for row in shown.all("tr")[1:]] == [
        "topics ✓ topics 7 50 % −3"  # the mark is in an element of its own, which comes before the name
    ]
    assert len(folded.all("tr")) == 1 + 90


def test_a_failed_write_leaves_what_was_there(
    figures: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report.html"
    out.write_text("before", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_report(figures, out)
    assert out.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_without_the_extra_it_says_what_to_install(
    missing: str, figures: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ReportError, match=rf"{missing}.*pip install 'swerve\[calibrate\]'"):
        write_report(figures, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_importing_it_imports_nothing_that_draws() -> None:
    program = "import sys, service.reports; sys.exit(bool({'matplotlib', 'jinja2', 'markupsafe'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)

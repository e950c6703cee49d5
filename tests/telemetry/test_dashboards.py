"""The dashboard, the alerts and the page on metrics name what a service that has served requests really tells."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT
from tests.telemetry.conftest import Observed, request

PAGE = ROOT / "docs" / "observability.md"
METRIC = re.compile(r"\b(?:swerve|http_server|process|python)_[a-z_]+\b")
MATCHER = re.compile(r"([a-z_]+)(?:=~|!~|!=|=)\"")
GROUPING = re.compile(r"\b(?:by|on) \(([a-z_, ]+)\)")
TARGET_LABELS = {"job", "instance", "le"}


@pytest.fixture(scope="module")
def families(observed: Observed) -> list[Metric]:
    """What it tells, after requests of each kind."""
    observed.client.post("/detect", json=request("dashboards", ["tent", "sleeping bag"])).raise_for_status()
    observed.client.get("/users/nobody/interest")
    return list(text_string_to_metric_families(observed.scrape().text))


def samples(families: list[Metric]) -> dict[str, set[str]]:
    """Labels by name of the sample."""
    found = dict[str, set[str]]()
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def panel_queries() -> Iterator[tuple[str, str]]:
    dashboard = json.loads((ROOT / "dashboards" / "swerve.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


def alerts() -> list[dict[str, Any]]:
    rules = yaml.safe_load((ROOT / "dashboards" / "alerts.yaml").read_text(encoding="utf-8"))
    return [rule for group in rules["groups"] for rule in group["rules"]]


def check(where: str, query: str, told: dict[str, set[str]]) -> None:
    names = set(METRIC.findall(query)) - set().union(*told.values())
    assert names, where
    assert names <= set(told), f"{where}: {names - set(told)}"
    used = set(MATCHER.findall(query)).union(*(set(group.split(", ")) for group in GROUPING.findall(query)))
    known = TARGET_LABELS.union(*(told[name] for name in names))
    assert used <= known, f"{where}: {used - known}"
    assert query.count("(") == query.count(")"), where


def test_the_dashboard_asks_for_what_is_told(families: list[Metric]) -> None:
    told, queries = samples(families), list(panel_queries())
    assert len(queries) > 50
    for title, query in queries:
        check(title, query, told)


def test_the_dashboard_shows_every_metric_of_our_own(families: list[Metric]) -> None:
    shown = {name for _, query in panel_queries() for name in METRIC.findall(query)}
    ours = {family.name for family in families if family.name.startswith(("swerve_", "http_"))}
    bare = {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in shown}
    assert ours - bare - shown == set()


def test_the_panels_do_not_lie_on_one_another() -> None:
    dashboard = json.loads((ROOT / "dashboards" / "swerve.json").read_text(encoding="utf-8"))
    taken = set[tuple[int, int]]()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_alerts_ask_for_what_is_told(families: list[Metric]) -> None:
    told = samples(families)
    assert len({rule["alert"] for rule in alerts()}) == len(alerts()) >= 5
    for rule in alerts():
        check(rule["alert"], rule["expr"], told)
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_page_has_every_metric_with_its_kind_labels_and_meaning(families: list[Metric]) -> None:
    lines = ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
    for family in families:
        if family.name.startswith(("swerve_", "http_")):
            labels = sorted(set().union(*(sample.labels for sample in family.samples)) - {"le"})
            kind = family.type if not family.name.endswith("_info") else "info"
            name = family.name + ("_total" if kind == "counter" else "")
            shown = ", ".join(f"`{label}`" for label in labels)
            lines.append(f"| `{name}` | {kind} | {shown} | {family.documentation} |")
    table = "\n".join(lines)
    assert table in PAGE.read_text(encoding="utf-8"), f"the table should be:\n{table}"


def test_a_slow_request_leads_to_its_trace(observed: Observed) -> None:
    text = observed.scrape("application/openmetrics-text; version=1.0.0").text
    exemplars = {
        sample.exemplar.labels["trace_id"]
        for family in parse_openmetrics(text)  # type: ignore[no-untyped-call]
        if family.name == "http_server_request_duration_seconds"
        for sample in family.samples
        if sample.exemplar
    }
    assert exemplars
    wanted = next(iter(exemplars))
    observed.collector.wait_for(lambda span: span.trace_id.hex() == wanted)


def test_nothing_of_a_user_is_told(observed: Observed) -> None:
    secret = "user-in-a-label"
    observed.client.post("/detect", json=request(secret, [f"text {secret}"])).raise_for_status()
    observed.client.get(f"/users/{secret}/interest").raise_for_status()
    observed.client.get(f"/{secret}")
    assert secret not in observed.scrape().text

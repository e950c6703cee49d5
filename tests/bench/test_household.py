"""The demo: real baskets, replayed through the real service."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from swerve_client import AuthenticatedClient

from bench.household import __main__ as demo
from bench.household.data import Basket, DataError, household, tables
from bench.household.replay import replay
from bench.household.serving import ServiceError, service
from tests.conftest import ROOT, Server

FEW = 25


@pytest.fixture(scope="module")
def baskets() -> list[Basket]:
    return household(1297, *tables())


def test_baskets_are_in_order_with_texts_and_unique_events(baskets: list[Basket]) -> None:
    times = [basket.occurred_at for basket in baskets]
    lines = [line for basket in baskets for line in basket.lines]
    assert len(baskets) > 90
    assert times == sorted(times)
    assert all(line.text.strip() and line.category for line in lines)
    assert len({line.event_id for line in lines}) == len(lines)


def test_an_unknown_household_names_some_that_exist() -> None:
    with pytest.raises(DataError, match="--household with one of"):
        household(10**9, *tables())


def test_a_household_may_be_replayed_twice(server: Server, baskets: list[Basket]) -> None:
    with AuthenticatedClient(server.url, token="none", timeout=httpx.Timeout(60)) as client:
        years = [replay(client, 1297, baskets[:FEW]) for _ in range(2)]
    assert years[0].alarms == years[1].alarms
    (alarm,) = years[0].alarms
    assert alarm.change.log_odds is not None
    assert alarm.because[0].line.text == "party everyday greeting cards wrap supply"
    # The prior's part, which no behaviour adds, is left out of the sum.
    assert sum(item.log_odds for item in alarm.because) > alarm.change.log_odds
    assert [point.at for point in years[0].points] == [basket.occurred_at for basket in baskets[:FEW]]
    assert alarm.declared_at in {point.at for point in years[0].points}


def test_a_service_that_is_away_is_named(baskets: list[Basket]) -> None:
    with (
        AuthenticatedClient("http://127.0.0.1:1", token="none") as client,
        pytest.raises(ServiceError, match="no answer from the service"),
    ):
        replay(client, 1297, baskets[:1])


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"did not start.*nowhere"), service(None, tmp_path / "nowhere"):
        raise AssertionError("it started without a model")


def test_the_command_starts_a_service_and_leaves_a_picture(model_dir: Path, tmp_path: Path) -> None:
    done = _demo(
        "--out", str(tmp_path / "demo.png"), "--household", "1297", "--baskets", str(FEW), "--model", str(model_dir)
    )
    assert done.returncode == 0, done.stderr
    assert "Because of party everyday greeting cards wrap supply" in done.stdout
    assert "Household 1297: 25 baskets" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["demo.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--household", "1000000000"], "there is no household 1000000000"),
        (["--out", "no/such/folder/demo.png"], "not a folder"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(arguments: list[str], said: str) -> None:
    done = _demo(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("package", demo.NEEDED)
def test_a_missing_package_is_named_with_its_remedy(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit) as left:
        demo.main()
    assert left.value.code == 2
    assert f"the package {package} is missing: {demo.NEEDED[package]}" in capsys.readouterr().err


def _demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.household", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )

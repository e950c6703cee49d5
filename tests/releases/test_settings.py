"""Settings of the noise: bad ones are named, and a service that cannot keep its promise does not start."""

import sys
from datetime import timedelta

import pytest

from service.errors import StartError
from service.settings import SettingsError, load_settings
from tests.releases.conftest import Replica


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SWERVE_PRIVACY_EPSILON", "0"),
        ("SWERVE_PRIVACY_EPSILON", "65"),
        ("SWERVE_PRIVACY_EPSILON", "nan"),
        ("SWERVE_PRIVACY_DELTA", "0"),
        ("SWERVE_PRIVACY_DELTA", "0.5"),
        ("SWERVE_PRIVACY_RELEASES", "0"),
        ("SWERVE_PRIVACY_PERIOD_DAYS", "0"),
        ("SWERVE_PRIVACY_PERIOD_DAYS", "inf"),
    ],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^{variable}: "):
        load_settings()


def test_off_unless_asked_for() -> None:
    assert load_settings().privacy_epsilon is None


@pytest.mark.anyio
async def test_a_promise_that_cannot_be_kept_stops_the_start(replica: Replica) -> None:
    with pytest.raises(StartError, match="raise SWERVE_PRIVACY_EPSILON"):
        await replica(privacy_epsilon=0.1, privacy_releases=1000)


@pytest.mark.anyio
async def test_without_the_package_the_start_says_what_to_install(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    monkeypatch.setitem(sys.modules, "dp_accounting.rdp", None)
    await replica()  # who does not ask for noise does not need it
    with pytest.raises(StartError, match=r"pip install 'swerve\[privacy\]'"):
        await replica(privacy_epsilon=8.0)


def test_the_longest_period_is_a_stretch_of_time() -> None:
    assert timedelta(days=load_settings(privacy_period_days=36_500).privacy_period_days)

"""A service that is killed and started again goes on as if nothing had happened."""

import signal

import httpx
import numpy as np
import pytest

from tests.conftest import Serve
from tests.detect.conftest import body

Themes = dict[str, list[str]]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_restart_continues_the_same_history(
    how: signal.Signals, api: httpx.Client, serve: Serve, themes: Themes, user: str
) -> None:
    texts = themes["cooking"] + themes["programming"][:14]
    expected = [api.post("/detect", json=body(texts[n : n + 6], user, first=n)).json() for n in range(0, 38, 6)]

    told = []
    for n in range(0, 38, 6):
        server = serve()
        told.append(server.client.post("/detect", json=body(texts[n : n + 6], user, first=n)).json())
        server.stop(how)

    assert sum(answer["mutated"] for answer in told) == 1
    for got, wanted in zip(told, expected, strict=True):
        assert {**got, **_varying(wanted)} == wanted
        np.testing.assert_allclose(got["interest"]["z"], wanted["interest"]["z"], atol=1e-6)
        for share in ("present", "long_term", "exploration", "learning_rate"):
            assert got["policy"][share] == pytest.approx(wanted["policy"][share], abs=1e-4)


def _varying(answer: dict[str, object]) -> dict[str, object]:
    """What differs between two services: ids, and figures in the last digits."""
    names = ("snapshot_id", "interest", "change", "changes", "scores", "contributions", "topics", "policy")
    return {name: answer[name] for name in names}


def test_what_was_erased_stays_erased_after_a_restart(serve: Serve, themes: Themes, user: str) -> None:
    server = serve()
    server.client.post("/detect", json=body(themes["cooking"], user))
    assert server.client.delete(f"/users/{user}").status_code == 204
    server.stop(signal.SIGKILL)
    again = serve().client
    assert again.get(f"/users/{user}/interest").status_code == 404
    late = again.post("/detect", json=body(themes["cooking"], user)).json()
    assert (late["accepted"], len(late["rejected"])) == (0, 24)

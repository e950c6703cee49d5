"""`swerve keys` and `swerve serve` as their operators run them: real processes on one embedded Postgres."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from swerve_client import AuthenticatedClient
from swerve_client.api.encode import encode
from swerve_client.api.users import delete_user
from swerve_client.models import EncodeRequest, EncodeResponse, ProblemDetails

from service.database.embedded import EmbeddedPostgres
from tests.platform.test_cli import fails_in_one_line, serving, swerve

KEY = re.compile(r"swerve_([0-9a-f]{16})_([0-9a-f]{64})\n")
EVERYWHERE = "0.0.0.0"  # noqa: S104 - with keys


def make_key(folder: Path, *scopes: str, **more: str) -> str:
    """A key made on the command line; whatever is not the key goes to standard error."""
    options = [part for scope in scopes for part in ("--scope", scope)]
    options += [part for name, value in more.items() for part in (f"--{name.replace('_', '-')}", value)]
    made = swerve("keys", "create", "--name", "[test]", *options, cwd=folder)
    assert made.returncode == 0, made.stderr
    found = KEY.fullmatch(made.stdout)
    assert found is not None, made.stdout
    assert found[2] not in made.stderr
    assert found[1] in made.stderr
    return made.stdout.strip()


def listed(folder: Path) -> dict[str, list[str]]:
    """`swerve keys list` by id."""
    shown = swerve("keys", "list", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    _, *lines = shown.stdout.splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def within(seconds: float, condition: Callable[[], bool]) -> None:
    """Wait until something is so; the limit is generous."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(url: str, key: str | None = None, path: str = "/model") -> int:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{url}{path}", headers=headers, timeout=30).status_code


@pytest.fixture
def running_postgres(tmp_path: Path) -> Iterator[None]:
    """The folder's embedded Postgres, held open, so that each command joins it instead of starting it."""
    server = EmbeddedPostgres(tmp_path / "data")
    server.start()
    yield
    server.stop()


@pytest.mark.usefixtures("running_postgres")
def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    assert listed(tmp_path) == {}
    first = make_key(tmp_path, "ingest", "read", rate_limit="600/minute")
    second = make_key(tmp_path, "admin", expires_in="90d")
    first_id, second_id = first.split("_")[1], second.split("_")[1]
    rows = listed(tmp_path)
    assert list(rows) == [first_id, second_id]
    assert rows[first_id][:3] == ["[test]", "ingest,read", "600/minute"]
    assert rows[first_id][-2:] == ["-", "valid"]
    until = datetime.fromisoformat(rows[second_id][-2])
    assert 89 <= (until - datetime.now(UTC)).days <= 90
    revoked = swerve("keys", "revoke", first_id, cwd=tmp_path)
    assert revoked.returncode == 0
    assert swerve("keys", "revoke", first_id, cwd=tmp_path).stdout == revoked.stdout  # since the first time
    assert listed(tmp_path)[first_id][-1] == "revoked"
    # A whole key, pasted where an id belongs, is not repeated.
    pasted = fails_in_one_line(swerve("keys", "revoke", second, cwd=tmp_path), 2)
    assert "swerve keys list" in pasted
    assert second.rpartition("_")[2] not in pasted
    assert "--scope must be one of" in fails_in_one_line(
        swerve("keys", "create", "--name", "n", "--scope", "write", cwd=tmp_path), 2
    )


def test_others_are_served_with_a_key_only(tmp_path: Path, profile_path: Path) -> None:
    everywhere = {"SWERVE_PROFILE": str(profile_path), "SWERVE_HOST": EVERYWHERE}
    with serving(tmp_path, **everywhere) as (process, address):
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, address, out) == (1, "", "")
    assert errors.count("\n") == 1
    assert "swerve keys create" in errors
    assert "--host 127.0.0.1" in errors

    key = make_key(tmp_path, "read")
    with serving(tmp_path, **everywhere) as (_, address):
        url = address.replace(EVERYWHERE, "127.0.0.1")
        assert ask(url) == 401
        assert ask(url, key) == 200
        assert ask(url, path="/livez") == 200
        # Revoked while it runs, by another process on the same embedded Postgres: nothing becomes open.
        swerve("keys", "revoke", key.split("_")[1], cwd=tmp_path)
        within(60, lambda: ask(url, key) == 401)
        assert ask(url) == 401

    with serving(tmp_path, **everywhere) as (process, address):
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, address) == (1, "")
    assert "swerve keys create" in errors


def test_a_first_run_is_open_here_until_a_key_is_made(tmp_path: Path, profile_path: Path) -> None:
    quick = {"SWERVE_PROFILE": str(profile_path), "SWERVE_KEY_CACHE_SECONDS": "0.2"}
    with serving(tmp_path, **quick) as (process, url):
        assert ask(url) == 200
        assert httpx.get(f"{url}/model", headers={"Host": "rebound.example"}).status_code == 403
        key = make_key(tmp_path, "ingest", rate_limit="100/minute")
        within(60, lambda: ask(url) == 401)
        within(60, lambda: ask(url, key) == 200)

        with AuthenticatedClient(url, token=key) as client:
            answer = encode.sync_detailed(client=client, body=EncodeRequest(texts=["shoes"]))
            assert isinstance(answer.parsed, EncodeResponse)
            assert answer.headers["RateLimit-Policy"] == '"key";q=100;w=60'
            refused = delete_user.sync_detailed("u", client=client)
            assert refused.status_code == HTTPStatus.FORBIDDEN
            assert isinstance(refused.parsed, ProblemDetails)
        with AuthenticatedClient(url, token=key[:-1]) as client:
            denied = encode.sync_detailed(client=client, body=EncodeRequest(texts=["shoes"]))
            assert denied.status_code == HTTPStatus.UNAUTHORIZED

        # Whatever is done with it, the secret is not told again.
        secret = key.rpartition("_")[2]
        told, statuses = list[str](), set[int]()
        for headers in (
            {"Authorization": f"Bearer {key}"},
            {"Authorization": key},
            {"Authorization": f"Bearer {key}x"},
        ):
            for method, path in (("GET", "/model"), ("DELETE", "/users/u"), ("POST", "/encode"), ("GET", "/nothing")):
                answered = httpx.request(method, url + path, headers=headers, content=b"{", timeout=30)
                told.append(f"{answered.headers!r} {answered.text}")
                statuses.add(answered.status_code)
        assert statuses == {200, 401, 403, 404, 422}
        process.terminate()
        out, errors = process.communicate(timeout=60)
        for text in (*told, out, errors):
            assert secret not in text
            assert secret[:-1] not in text


@pytest.mark.usefixtures("running_postgres")
def test_a_schema_that_is_not_current_is_not_touched_where_the_settings_say_so(tmp_path: Path) -> None:
    create = ("keys", "create", "--name", "n", "--scope", "read")
    refused = swerve(*create, cwd=tmp_path, SWERVE_MIGRATE_ON_START="false")
    assert "swerve migrate" in fails_in_one_line(refused, 1)
    assert swerve("migrate", cwd=tmp_path).returncode == 0
    made = swerve(*create, cwd=tmp_path, SWERVE_MIGRATE_ON_START="false")
    assert KEY.fullmatch(made.stdout)

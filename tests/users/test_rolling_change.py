"""The procedure of docs/privacy.md for a change of the secret, with real services that are restarted one by one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT, Serve, Server, clean_environment
from tests.detect.conftest import body
from tests.users.database import address

OLD, NEW = "the-secret-of-old-times", "the-secret-of-new-times"
UNFINISHED = 3


class Fleet:
    """Two services on one database, and what their users are known to have sent."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._secrets = {"user_key_secret": OLD}
        self.replicas: list[Server] = [self._start(), self._start()]
        self.sent: dict[str, int] = {}

    def _start(self) -> Server:
        return self._serve(**self._secrets)

    def configure(self, **secrets: str) -> None:
        """What is started from now on has these secrets."""
        self._secrets = secrets

    def restart(self) -> Iterator[str]:
        """Restart one service after the other; between two steps the caller may use both."""
        for n, replica in enumerate(self.replicas):
            assert replica.stop() == 0
            self.replicas[n] = self._start()
            yield f"replica {n} restarted"

    def post(self, client: httpx.Client, user: str) -> None:
        """One more behaviour of the user: it is the next in a row, wherever the ones before went."""
        n = self.sent.get(user, 0)
        answer = client.post("/detect", json=body([f"thing {n}"], user, first=n, threshold=1e9)).json()
        assert (answer["accepted"], answer["sequence"]) == (1, n + 1), user
        self.sent[user] = n + 1

    def use(self, *users: str) -> None:
        """Each user by both services."""
        for user in users:
            for replica in self.replicas:
                self.post(replica.client, user)

    def command(self, *arguments: str, **secrets: str) -> subprocess.CompletedProcess[str]:
        """`swerve ...` beside the services."""
        return swerve(self.replicas[0].data_dir, *arguments, **(secrets or self._secrets))


def swerve(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {f"SWERVE_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=clean_environment() | environment | {"SWERVE_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def fleet(serve: Serve) -> Fleet:
    return Fleet(serve)


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[int, int]]:
    """Users and tombstones by what their secret is to the service, of `swerve user-keys status`."""
    lines = [line.split() for line in done.stdout.splitlines()]
    return {words[1]: (int(words[-2]), int(words[-1])) for words in lines if words and len(words[0]) == 16}


def test_a_change_of_the_secret_without_a_pause(fleet: Fleet, tmp_path: Path) -> None:
    users = ["ann", "bob"]
    fleet.use(*users, "carl", "dora")
    assert fleet.replicas[0].client.delete("/users/dora").status_code == 204

    fleet.configure(user_key_secret=OLD, user_key_previous_secrets=NEW)  # step 1: everybody knows the new secret
    for step in fleet.restart():
        fleet.use(*users, f"new at step 1, {step}")
    assert counts(fleet.command("user-keys", "status")) == {"present": (5, 1)}

    fleet.configure(user_key_secret=NEW, user_key_previous_secrets=OLD)  # step 2: everybody uses it
    for step in fleet.restart():
        fleet.use(*users, f"new at step 2, {step}")
        for replica in fleet.replicas:
            late = replica.client.post("/detect", json=body(["thing 0"], "dora")).json()
            assert (late["accepted"], len(late["rejected"])) == (0, 1)

    refused = fleet.command("serve", "--port", "0", user_key_secret=OLD)
    assert refused.returncode == 1
    assert "was changed since this one was in use" in refused.stderr

    unfinished = fleet.command("user-keys", "status")  # step 3: who has not come since is moved by id
    assert unfinished.returncode == UNFINISHED, unfinished.stderr
    # Under the old one: carl and who was new at step 1, who have not come since, and dora's tombstone; and the one whom
    # the replica that was still at step 1 moved back.
    assert counts(unfinished) == {"previous": (4, 1), "present": (3, 0)}
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(["nobody", *fleet.sent]) + "\n", encoding="utf-8")
    moved = fleet.command("user-keys", "move", str(ids))
    assert moved.stdout.strip() == f"5 of {1 + len(fleet.sent)} users were moved to the present secret", moved.stderr
    finished = fleet.command("user-keys", "status")
    assert (finished.returncode, counts(finished)) == (0, {"present": (7, 1)}), finished.stderr

    fleet.configure(user_key_secret=NEW)  # step 4: the old secret is forgotten
    for _ in fleet.restart():
        fleet.use("ann", "carl")
    for user, sent in fleet.sent.items():
        if user != "dora":
            history: dict[str, Any] = fleet.replicas[0].client.get(f"/users/{user}/history?limit=200").json()
            assert len(history["items"]) == sent


def test_what_the_command_says_of_bad_input(tmp_path: Path) -> None:
    data, ids = tmp_path / "data", tmp_path / "ids.txt"

    def move(path: Path, secret: str = OLD) -> str:
        done = swerve(data, "user-keys", "move", str(path), user_key_secret=secret)
        assert done.returncode in {1, 2}
        return done.stderr.splitlines()[-1].removeprefix("swerve: ")

    ids.write_bytes(b"ann\n\xff\n")
    with address(data):  # one Postgres for all of them
        assert "run `swerve migrate`" in move(ids)
        assert swerve(data, "migrate").returncode == 0
        assert "is not UTF-8" in move(ids)
        assert move(tmp_path / "missing.txt").startswith("No such file")
        ids.write_text("ann\n\n")
        assert "line 2: an id has 1 to 256 characters" in move(ids)
        assert "not the one that this database" in move(ids, NEW)

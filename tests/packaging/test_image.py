"""What can be shown of the image without a Docker engine: its own steps, run in a clean folder, give a service."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.packaging import dockerfile

ABSENT = {"torch", "transformers", "optimum", "optimum-onnx", "onnx", "accelerate"}


class Container:
    """The image's command, in the image's environment, with an empty home and data folder."""

    def __init__(self, image: Path, model_dir: Path) -> None:
        self.home = image / "home"
        self.home.mkdir()
        told = dockerfile.environment("cpu")
        self._environment = told | {
            "PATH": f"{image / '.venv/bin'}:/usr/bin:/bin",
            "HOME": str(self.home),
            "SWERVE_DATA_DIR": told["SWERVE_DATA_DIR"].replace(dockerfile.FOLDER, str(image)),
            "SWERVE_MODEL_DIR": str(model_dir),
            "SWERVE_PORT": "0",
        }
        # Not beside the sources: what is installed must be enough.
        self._where = image / ".venv"
        self.log = image / "log"
        self.refusal = self._run_once()
        created = self._run_once("keys", "create", "--name", "test", "--scope", "ingest")
        assert created.returncode == 0, created.stderr
        self.headers = {"Authorization": f"Bearer {created.stdout.strip()}"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self._command(*dockerfile.command("cpu")),
                cwd=self._where,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        address = re.search(r"http://0\.0\.0\.0:(\d+)", line)
        assert address is not None, line + self.log.read_text()
        self.url = f"http://127.0.0.1:{address[1]}"
        self._environment["SWERVE_PORT"] = address[1]

    def is_healthy(self) -> bool:
        """What the image's health check says. A proxy in the environment must not be asked."""
        proxied = self._environment | {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
        done = subprocess.run(
            self._command(*dockerfile.exec_form("cpu", "HEALTHCHECK")),
            cwd=self._where,
            env=proxied,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def stop(self) -> int:
        """As `docker stop` does; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def _run_once(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As `docker run` with these arguments on the same volume."""
        command = self._command(*dockerfile.command("cpu", *arguments))
        return subprocess.run(
            command, cwd=self._where, env=self._environment, capture_output=True, text=True, check=False, timeout=120
        )

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(self._where / "bin" / program), *arguments]


@pytest.fixture(scope="module")
def container(image: Path, model_dir: Path) -> Iterator[Container]:
    started = Container(image, model_dir)
    yield started
    if started.process.poll() is None:
        started.stop()


def test_nothing_of_the_export_is_installed(image: Path) -> None:
    python = image / ".venv/bin/python"
    listed = subprocess.run([python, "-m", "pip", "list", "--format", "json"], check=True, capture_output=True)
    installed = {item["name"].lower() for item in json.loads(listed.stdout)}
    assert "swerve" in installed
    assert not installed & ABSENT
    assert len(installed & {"onnxruntime", "onnxruntime-gpu"}) == 1
    consistent = subprocess.run([python, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert consistent.returncode == 0, consistent.stdout


def test_everybody_may_read_what_root_installed(image: Path, model_dir: Path) -> None:
    for folder in (image / ".venv", model_dir):
        files = [path for path in folder.rglob("*") if not path.is_symlink()]
        assert files
        assert [path for path in files if not path.stat().st_mode & 0o004] == []


def test_without_a_key_it_does_not_start_and_says_how_to_make_one(container: Container) -> None:
    assert (container.refusal.returncode, container.refusal.stdout) == (1, "")
    assert "swerve keys create" in container.refusal.stderr
    assert container.refusal.stderr.count("\n") == 1


def test_it_serves(container: Container) -> None:
    behavior = {"text": "trail running shoes", "occurred_at": "2026-01-05T10:00:00Z"}
    asked = {"user_id": "u", "behaviors": [behavior]}
    assert httpx.post(f"{container.url}/detect", json=asked, timeout=30).status_code == 401
    answer = httpx.post(f"{container.url}/detect", json=asked, headers=container.headers, timeout=30).json()
    assert (answer["accepted"], answer["status"]) == (1, "warming_up")
    assert answer["profile"] is not None, "the default profile is not installed"
    model = httpx.get(f"{container.url}/model", headers=container.headers, timeout=30).json()
    assert model["provider"] == "CPUExecutionProvider"


def test_its_health_is_checked_and_it_stops_when_told(container: Container) -> None:
    assert container.is_healthy()
    assert container.stop() == 0
    assert not container.is_healthy()
    lines = [json.loads(line) for line in container.log.read_text().splitlines()]
    assert {(line["event"], line["level"]) for line in lines} == {("request", "info")}, "nothing but requests' lines"
    # Where ONNX Runtime reports to its maker, it keeps a database and an identifier here.
    assert list(container.home.iterdir()) == []

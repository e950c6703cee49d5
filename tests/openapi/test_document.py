"""The committed OpenAPI document and client are those of the service as it is."""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "openapi"


def test_the_served_document_is_the_committed_one(api: httpx.Client) -> None:
    served = api.get("/openapi.json").json()
    committed = json.loads((COMMITTED / "openapi.json").read_text(encoding="utf-8"))
    assert served == committed, "run `make openapi`"


def test_the_command_writes_the_committed_document(tmp_path: Path) -> None:
    out = tmp_path / "openapi.json"
    subprocess.run([sys.executable, "-m", "service", "openapi", "--out", str(out)], cwd=ROOT, check=True)
    assert out.read_bytes() == (COMMITTED / "openapi.json").read_bytes(), "run `make openapi`"


def test_every_operation_declares_its_problems() -> None:
    document = json.loads((COMMITTED / "openapi.json").read_text(encoding="utf-8"))
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == 28
    for operation in operations:
        for status, response in operation["responses"].items():
            problem = "application/problem+json" in response.get("content", {})
            assert problem == (not status.startswith("2")), f"{operation['operationId']} {status}"
    names = {operation["operationId"] for operation in operations}
    assert {
        "detect",
        "detect_batch",
        "get_interest",
        "get_history",
        "delete_user",
        "encode",
        "get_domain_mutations",
    } <= names


def test_the_client_is_generated_from_the_document(tmp_path: Path) -> None:
    shutil.copy(COMMITTED / "openapi.json", tmp_path)
    shutil.copy(COMMITTED / "config.yaml", tmp_path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    options = ["--path", "openapi.json", "--config", "config.yaml", "--output-path", "client", "--meta", "setup"]
    subprocess.run(
        ["openapi-python-client", "generate", *options], cwd=tmp_path, check=True, env=os.environ | {"PATH": path}
    )
    fresh, committed = listing(tmp_path / "client"), listing(COMMITTED / "client")
    assert fresh == committed, "run `make openapi`"
    _, different, unreadable = filecmp.cmpfiles(tmp_path / "client", COMMITTED / "client", fresh, shallow=False)
    assert (different, unreadable) == ([], []), "run `make openapi`"


def listing(folder: Path) -> list[str]:
    """Files of a generated client, without what installing and running it leaves."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    made_later = ("__pycache__", ".egg-info", ".ruff_cache", "build")
    return sorted(str(path) for path in files if not any(part.endswith(made_later) for part in path.parts))

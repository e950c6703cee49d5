"""The README's commands, run as they stand there, give what it prints; the Chinese one has the same."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.settings import Settings
from tests.conftest import ROOT, Serve

ADDRESS = "http://127.0.0.1:8000"


def blocks(name: str = "README.md") -> list[tuple[str, str]]:
    """Language and text of each block of code, in order."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)


def contains(whole: Any, part: Any) -> bool:
    """Whether everything in `part` is in `whole`, figures to four digits."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    if isinstance(part, float):
        return bool(whole == pytest.approx(part, rel=1e-4))
    return bool(whole == part)


def test_its_examples_give_what_it_prints(serve: Serve) -> None:
    url = serve().url
    said = blocks()
    printed = 0
    for n, (language, text) in enumerate(said):
        if language == "sh" and text.startswith("curl"):
            command = shlex.split(text.replace(ADDRESS, url))
            answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
            if "PUT" in command:
                until_encoded(url)
            if said[n + 1][0] == "json":
                assert contains(json.loads(answer), json.loads(said[n + 1][1])), answer
                printed += 1
            else:
                (change,) = json.loads(answer)["items"]
                assert change["change"]["first_event_id"] == "e32"
        if language == "python":
            assert text == (ROOT / "examples" / "client.py").read_text(encoding="utf-8")
            command = [sys.executable, "-c", text.replace(ADDRESS, url)]
            answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
            assert said[n + 1] == ("text", answer)
            printed += 1
    assert printed == 5
    the_policys_page_works(url)


def the_policys_page_works(url: str) -> None:
    """The code of docs/policy.md, on what the README has stored."""
    code = "".join(text for language, text in blocks("docs/policy.md") if language == "python")
    page: dict[str, Any] = {}
    exec(code, page)  # noqa: S102 - our own
    policy = httpx.get(f"{url}/users/u-42/policy").json()["policy"]
    (shown,) = (json.loads(text) for language, text in blocks("docs/policy.md") if language == "json")
    assert contains(policy, shown | {name: policy[name] for name in ("boost", "suppress")})
    for name in ("boost", "suppress"):
        assert contains(policy[name][0], shown[name][0])
    items = json.loads((ROOT / "examples" / "items.json").read_text(encoding="utf-8"))["items"]
    topics = page["topics_of"]({item["item_id"]: item["text"] for item in items}, url)
    assert topics.keys() == {item["item_id"] for item in items}
    of_the_catalogue = httpx.get(f"{url}/items/sky-2", params={"include": "topics"}).json()
    assert of_the_catalogue["topics"][0]["topic"] == topics["sky-2"]
    assert of_the_catalogue["vector"] is None
    weighed = page["weighed"](policy, dict.fromkeys(topics, 1.0), topics)
    assert max(weighed, key=weighed.__getitem__).startswith("sky")
    assert min(weighed, key=weighed.__getitem__).startswith(("cook", "garden"))
    lists = ([f"{name}{n}" for n in range(100)] for name in ("present", "usual", "popular"))
    chosen = page["mixed"](policy, *lists, 100)
    assert len(set(chosen)) == 100
    for name, part in (("present", "present"), ("usual", "long_term"), ("popular", "exploration")):
        assert abs(sum(item.startswith(name) for item in chosen) - 100 * policy[part]) < 2
    assert set(page["mixed"](policy, ["a", "b"], ["b"], ["c"], 10)) == {"a", "b", "c"}


def until_encoded(url: str) -> None:
    """Wait until the catalogue can be recommended from."""
    deadline = time.monotonic() + 60
    while not httpx.get(f"{url}/items/progress").json()["complete"]:
        assert time.monotonic() < deadline, "items are not encoded"
        time.sleep(0.1)


def test_its_key_opens_the_service_and_closes_it_to_others(serve: Serve) -> None:
    server = serve()
    ((_, text),) = [block for block in blocks() if block[1].startswith("KEY=")]
    environment = os.environ | {
        "SWERVE_DATA_DIR": str(server.data_dir),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    command = ["bash", "-euc", text.replace(ADDRESS, server.url)]
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert json.loads(answer)["id"] == "all-MiniLM-L6-v2"
    deadline = time.monotonic() + 60
    while httpx.get(f"{server.url}/model").status_code != 401:
        assert time.monotonic() < deadline, "it stays open though there is a key"
        time.sleep(0.1)


def test_the_chinese_one_has_the_same_code() -> None:
    assert blocks("README.zh-CN.md") == blocks()


@pytest.mark.parametrize(
    "name", ["README.md", "README.zh-CN.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_its_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_it_names_every_call() -> None:
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert [path for path in document["paths"] if f"{path}`" not in text] == []


def test_its_settings_exist() -> None:
    known = {f"SWERVE_{field.upper()}" for field in Settings.model_fields}
    for name in ("README.md", "README.zh-CN.md"):
        assert set(re.findall(r"SWERVE_[A-Z_]+", Path(ROOT / name).read_text(encoding="utf-8"))) <= known

"""Reads the Dockerfile, so that the tests carry out its own steps and cannot drift from it."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT, clean_environment

WORDS = ("FROM", "RUN", "COPY", "ENV", "WORKDIR", "EXPOSE", "VOLUME", "USER", "HEALTHCHECK", "ENTRYPOINT", "CMD")
"""What this reads; another instruction is an error, not something to overlook."""

FOLDER = "/app"
"""The image's working folder, in whose place `carry_out` puts another one."""


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str

    @property
    def is_copy_of_sources(self) -> bool:
        return self.word == "COPY" and not self.rest.startswith("--from=")


def stages() -> dict[str, list[Instruction]]:
    """The instructions by stage, each after those of the stage it is built on; FROM only where it names an image."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[Instruction]] = {}
    name = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        assert word in WORDS, line
        if word == "FROM":
            parent, name = rest.split(" AS ")
            found[name] = list(found.get(parent, [Instruction(word, parent)]))
        else:
            found[name].append(Instruction(word, rest.strip()))
    return found


def rests(stage: str, word: str) -> list[str]:
    """What follows every such word of a stage."""
    return [instruction.rest for instruction in stages()[stage] if instruction.word == word]


def environment(stage: str) -> dict[str, str]:
    """The variables that a stage sets, PATH aside: only that one refers to another."""
    pairs = [pair.split("=", 1) for rest in rests(stage, "ENV") for pair in rest.split()]
    return {name: value for name, value in pairs if name != "PATH"}


def exec_form(stage: str, word: str) -> list[str]:
    """The program and arguments of the stage's ENTRYPOINT, CMD or HEALTHCHECK."""
    (rest,) = rests(stage, word)
    command: list[str] = json.loads(rest[rest.index("[") :])
    return command


def command(stage: str, *arguments: str) -> list[str]:
    """What the stage's container runs: with these arguments, or with its own."""
    return [*exec_form(stage, "ENTRYPOINT"), *(arguments or exec_form(stage, "CMD"))]


def carry_out(stage: str, folder: Path) -> None:
    """Do a stage's COPY and RUN in a folder, with this Python and pip's cache."""
    for instruction in stages()[stage]:
        if instruction.is_copy_of_sources:
            copy(instruction, folder)
        if instruction.word == "RUN":
            command = re.sub(r"^python ", f"{sys.executable} ", instruction.rest.replace("--no-cache-dir", ""))
            subprocess.run(command, shell=True, cwd=folder, check=True, env=clean_environment())  # noqa: S602


def copy(instruction: Instruction, folder: Path) -> None:
    """Do one COPY from the checkout."""
    *sources, target = instruction.rest.split()
    for source in (ROOT / name for name in sources):
        if source.is_dir():
            shutil.copytree(source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
            continue
        destination = folder / target / source.name if target.endswith("/") else folder / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, destination)

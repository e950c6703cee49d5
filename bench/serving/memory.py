"""Part 5: memory of the encoder under random lengths, with three sets of session options."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.serving.memory_child import CACHE_TEXTS
from bench.serving.pairs import target_line
from bench.serving.setting import Setting

TITLE = "Memory under random lengths"
GROWTH_TARGET = 0.05
WARM_UP_SECONDS = 60.0
SECONDS = {"ours": 600.0, "frugal": 120.0, "default": 120.0}
EVERY_SECONDS = 5.0
NAMES = {
    "ours": "as the service has them: arena on, memory pattern off",
    "frugal": "arena and memory pattern off",
    "default": "ONNX Runtime's: both on",
}
MEBIBYTE = 2**20


def measure(setting: Setting) -> dict[str, Any]:
    """Resident memory over time with each set of options."""
    runs, warm_up = {}, 0.5 if setting.brief else WARM_UP_SECONDS
    for name, seconds in SECONDS.items():
        setting.progress(f"{setting.lasting(seconds):g} s of random lengths, options {NAMES[name]}")
        runs[name] = _watched(setting, name, setting.lasting(seconds))
    return {
        "target": GROWTH_TARGET,
        "cache_texts": CACHE_TEXTS,
        "runs": {name: summary(samples, warm_up) for name, samples in runs.items()},
    }


def _watched(setting: Setting, options: str, seconds: float) -> list[dict[str, float]]:
    """The samples that a child process printed."""
    words = sorted({word for text in setting.texts for word in text.split()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "words.json"
        path.write_text(json.dumps(words), encoding="utf-8")
        command = [sys.executable, "-m", "bench.serving.memory_child", "--model", str(setting.model)]
        command += ["--words", str(path), "--options", options, "--seconds", str(seconds)]
        command += ["--every", str(min(EVERY_SECONDS, seconds / 8)), "--seed", str(setting.seed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the encoder under random lengths failed: {done.stderr.strip()[-500:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(samples: list[dict[str, float]], warm_up: float) -> dict[str, Any]:
    """Growth from the end of the warm-up to the highest sample after it, and texts a second after it.

    Example:
        >>> told = summary([{"seconds": s, "rss": 100.0 + s, "texts": 7 * s, "cached": 1} for s in (0, 10, 20)], 10)
        >>> round(told["growth"], 3), told["texts_per_second"]
        (0.091, 7.0)
    """
    steady = [one for one in samples if one["seconds"] >= warm_up]
    if len(steady) < 2:
        raise ValueError(f"fewer than two samples after {warm_up:g} s of warm-up")
    first, last = steady[0], steady[-1]
    return {
        "seconds": last["seconds"],
        "after_warm_up": first["rss"],
        "highest": max(one["rss"] for one in steady),
        "growth": max(one["rss"] for one in steady) / first["rss"] - 1,
        "texts_per_second": (last["texts"] - first["texts"]) / (last["seconds"] - first["seconds"]),
        "cached_after_warm_up": first["cached"],
        "samples": samples,
    }


def section(figures: dict[str, Any]) -> list[str]:
    """A table of memory and one of speed."""
    ours = figures["runs"]["ours"]
    missed = [f"it grew by {ours['growth']:.1%}"] if ours["growth"] >= figures["target"] else []
    if ours["cached_after_warm_up"] < figures["cache_texts"]:
        missed.append("the cache was still filling, so the growth says nothing")
    lines = [
        (
            "An encoder in a process of its own is given texts of 1 to as many words as the model reads tokens, four "
            f"callers at a time; its cache holds {figures['cache_texts']:,} texts and had "
            f"{ours['cached_after_warm_up']:,.0f} when the count began. Growth: the highest resident memory after the "
            "first minute, beside that at its end."
        ),
        "",
        "| session options | seconds | after the first minute, MiB | highest after it, MiB | growth | texts/s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, run in figures["runs"].items():
        sizes = " | ".join(f"{run[key] / MEBIBYTE:,.0f}" for key in ("after_warm_up", "highest"))
        lines.append(
            f"| {NAMES[name]} | {run['seconds']:.0f} | {sizes} | {run['growth']:.1%} | {run['texts_per_second']:.1f} |"
        )
    lines += [
        "",
        target_line(f"grows by less than {figures['target']:.0%} after the first minute", missed),
        "",
    ]
    return lines


def draw(figures: dict[str, Any], folder: Path) -> list[str]:
    """Resident memory over time."""
    figure = Figure(figsize=(7.0, 3.2), layout="constrained")
    panel = figure.subplots()
    for (name, run), color in zip(figures["runs"].items(), ("#d1495b", "#30638e", "#8a8a8a"), strict=True):
        seconds = [one["seconds"] for one in run["samples"]]
        panel.plot(seconds, [one["rss"] / MEBIBYTE for one in run["samples"]], color=color, label=NAMES[name])
    panel.set(xlabel="seconds", ylabel="resident memory, MiB")
    panel.set_ylim(bottom=0)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "swerve", "svg.fonttype": "none"}):
        figure.savefig(folder / "memory.svg", metadata={"Date": None})
    return ["![Resident memory over time](memory.svg)", ""]

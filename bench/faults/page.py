"""The results as a page and a plot over time."""

from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.faults.faults import FAULTS
from bench.faults.measure import WINDOW_S
from bench.serving.page import where
from bench.serving.phases import verdict

Result = dict[str, Any]

LIMIT_S = 5.0
"""From a fault until requests are acknowledged again, at most. A restart loads the model anew."""
COLORS = {"service": "#d1495b", "postgres": "#30638e", "both": "#6a3d9a", "stop": "#8a8a8a"}


def write_page(result: Result, folder: Path) -> None:
    """Write README.md and timeline.svg."""
    _draw(result["figures"], folder)
    lines = [
        "# Faults",
        "",
        "Made by `python -m bench.faults`; do not edit.",
        "",
        where({**result, "brief": result["minutes"] < 5}),
        "",
        *_setting(result),
        *_counts(result["figures"]),
        *_recoveries(result["figures"]),
        *_latencies(result["figures"]),
        "![Acknowledgements and waits over time](timeline.svg)",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _setting(result: Result) -> list[str]:
    figures = result["figures"]
    return [
        (
            f"{figures['clients']} clients, and one that probes, send {figures['requests_per_second']:g} requests a "
            "second to `swerve serve` with its embedded Postgres, all settings by default, for "
            f"{figures['seconds']:g} s. Each request is sent again until it is acknowledged, as the contract asks; the "
            "clients wait as long as `Retry-After` says. Meanwhile the service, its Postgres, or both are killed with "
            "SIGKILL. The service is started again at once, by the benchmark; Postgres by the service itself."
        ),
        "",
    ]


def _counts(figures: Result) -> list[str]:
    found = figures["reckoning"]
    none = found["lost"] == 0 and found["doubled"] == 0
    return [
        "## What became of it",
        "",
        "| | |",
        "| --- | --- |",
        f"| requests sent, with resendings | {figures['attempts']:,} |",
        f"| acknowledged (200) | {figures['acknowledged']:,} |",
        f"| refused (503) | {figures['refused']:,} |",
        f"| unanswered: connection refused or broken | {figures['unanswered']:,} |",
        f"| users | {found['users']:,} |",
        f"| distinct behaviours acknowledged | {found['acknowledged']:,} |",
        f"| behaviours that the service holds of these users | {found['held']:,} |",
        f"| **lost**: acknowledged, but new to the service when sent again afterwards | **{found['lost']:,}** |",
        f"| **doubled**: held beyond what was acknowledged | **{found['doubled']:,}** |",
        "",
        f"Target: nothing lost, nothing doubled, {verdict(met=none)}.",
        "",
    ]


def _recoveries(figures: Result) -> list[str]:
    lines = [
        "## Recovery",
        "",
        (
            "Seconds from the kill (of an orderly stop: from the first request that found nobody) until a request that "
            "was sent afterwards was acknowledged, and until `/readyz` was green. The restart of the service includes "
            f"loading the model. Target: {LIMIT_S:g} s at the worst."
        ),
        "",
        "| fault | times | answered, median | worst | ready, median | worst | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, told in figures["kinds"].items():
        if told["times"]:
            answered, ready = told["answered_after"], told["ready_after"]
            lines.append(
                f"| {FAULTS[kind].title} | {told['times']} | {median(answered):.2f} | {max(answered):.2f} | "
                f"{median(ready):.2f} | {max(ready):.2f} | {verdict(met=max(answered) <= LIMIT_S)} |"
            )
    return [*lines, ""]


def _latencies(figures: Result) -> list[str]:
    lines = [
        "## Waits",
        "",
        (
            "p99 of the wait, in milliseconds: from when a request was due until it was acknowledged, with all "
            f"resendings and the time that its client was busy with those before it. Before: due in the {WINDOW_S:g} s "
            "before a fault. During: from the fault until requests were answered again. After: in the "
            f"{WINDOW_S:g} s that follow, in which the backlog is worked off and caches fill."
        ),
        "",
        "| fault | before | during | after |",
        "| --- | --- | --- | --- |",
    ]
    for kind, told in figures["kinds"].items():
        if told["times"]:
            cells = ("-" if value is None else f"{value:,.0f}" for value in told["p99_ms"].values())
            lines.append(f"| {FAULTS[kind].title} | {' | '.join(cells)} |")
    return [*lines, ""]


def _draw(figures: Result, folder: Path) -> None:
    figure = Figure(figsize=(9.5, 5.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    by_second = figures["by_second"]
    seconds = np.arange(len(by_second["acknowledged"]))
    above.step(seconds, by_second["acknowledged"], where="post", color="#333333", linewidth=1)
    above.axhline(figures["requests_per_second"], color="#999999", linestyle=":", linewidth=1)
    above.set(ylabel="acknowledged, 1/s\n(dotted: sent)", ylim=(0, None))
    longest = np.maximum(by_second["longest_wait_s"], 1e-3)
    below.step(seconds, 1000 * longest, where="post", color="#333333", linewidth=1)
    below.set(ylabel="longest wait, ms", xlabel="seconds", yscale="log")
    for panel in (above, below):
        _mark(panel, figures)
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0.005)
    handles, labels = above.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    with mpl.rc_context({"svg.hashsalt": "swerve", "svg.fonttype": "none"}):
        figure.savefig(folder / "timeline.svg", metadata={"Date": None})


def _mark(panel: Axes, figures: Result) -> None:
    """Every fault as a band from when it came until requests were answered again."""
    named = set[str]()
    for one in figures["faults"]:
        kind = one["kind"]
        label = None if kind in named else FAULTS[kind].title
        named.add(kind)
        panel.axvspan(one["at"], one["answered"], color=COLORS[kind], alpha=0.45, linewidth=1, label=label)

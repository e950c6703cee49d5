"""From the start of the process to ready, with an exported model and a running database."""

import time
from statistics import median

import httpx

from bench.serving.phases import Figures, verdict
from bench.serving.postgres import postgres
from bench.serving.service_process import service_process
from bench.serving.setting import Setting

TITLE = "Start to ready"
TARGET_SECONDS = 3.0


def measure(setting: Setting) -> Figures:
    """Seconds from the start of the process to the first 200 of `/readyz`: the first start alone, then some more."""
    with postgres() as database:
        seconds = [_start(setting, database) for _ in range(2 if setting.brief else 6)]
    return {"target_seconds": TARGET_SECONDS, "first_seconds": seconds[0], "seconds": seconds[1:]}


def _start(setting: Setting, database: str) -> float:
    began = time.perf_counter()
    with service_process(setting.model, database) as running:
        ready = httpx.get(f"{running.url}/readyz", timeout=60)  # the port opens when all that it checks is there
        took = time.perf_counter() - began
        ready.raise_for_status()
    setting.progress(f"ready after {took:.2f} s")
    return took


def section(figures: Figures) -> list[str]:
    """One sentence."""
    seconds, first = median(figures["seconds"]), figures["first_seconds"]
    return [
        (
            f"From the start of the process until `/readyz` says 200, on a database that runs: median {seconds:.2f} s "
            f"of {len(figures['seconds'])} starts; the first one, which also made the schema, {first:.2f} "
            f"s. Target: {figures['target_seconds']:g} s, {verdict(met=seconds <= figures['target_seconds'])}. Where "
            "the detector was never compiled on a machine, some seconds more, once."
        ),
        "",
    ]

"""What the session options cost: bare sessions with each set of them, side by side."""

from functools import partial
from typing import Any

from bench.serving.bare import BareSession, Limit
from bench.serving.encoder import BRIEF, FULL, text_sets
from bench.serving.memory import NAMES
from bench.serving.memory_child import OPTIONS
from bench.serving.pairs import in_pairs, ratio_cell
from bench.serving.setting import Setting
from service.encoder import read_manifest

TITLE = "What the session options cost"
REFERENCE = "default"
TOKENS = 1024  # about the engine's batch
PAIRS = 5


def measure(setting: Setting) -> dict[str, Any]:
    """The speed of each set of options, in turns with ONNX Runtime's own, over the same batches."""
    manifest = read_manifest(setting.model)
    sessions = {name: BareSession(setting.model, manifest, options()) for name, options in OPTIONS.items()}
    default = sessions.pop(REFERENCE)
    rows = []
    for texts_name, texts in text_sets(setting.texts, BRIEF if setting.brief else FULL, setting.random).items():
        tokens = default.tokenize(texts)
        batches = default.prepare(tokens, Limit(tokens=TOKENS, shared=manifest.graph.packs))
        for session in (default, *sessions.values()):
            session.seconds(batches[:2])
        for name, session in sessions.items():
            setting.progress(f"{texts_name}: {NAMES[name]}")
            found = in_pairs(
                partial(default.seconds, batches), partial(session.seconds, batches), 1 if setting.brief else PAIRS
            )
            rows.append({"name": texts_name, "options": name, **found.figures(len(texts), sum(map(len, tokens)))})
    return {"rows": rows}


def section(figures: dict[str, Any]) -> list[str]:
    """A table."""
    lines = [
        (
            "`InferenceSession.run` with each set beside ONNX Runtime's own, in turns over the same batches. What they "
            "do to memory is above."
        ),
        "",
        "| texts | session options | ratio | tokens/s | ONNX Runtime's own, tokens/s |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in figures["rows"]:
        speeds = f"{row['tokens_per_second']:,.0f} | {row['reference_tokens_per_second']:,.0f}"
        lines.append(f"| {row['name']} | {NAMES[row['options']]} | {ratio_cell(row)} | {speeds} |")
    return [*lines, ""]

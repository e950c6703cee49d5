"""ONNX graphs of a sentence-transformers folder, by its own exporters; run in the peer's environment.

    python -P export.py MODEL OUT

Writes OUT/model.onnx, as exported, and OUT/model_O3.onnx, with the fusions that sentence-transformers' documentation
recommends for speed at full precision.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from sentence_transformers import (  # type: ignore[import-not-found]  # in the peer's environment only
    SentenceTransformer,
    export_optimized_onnx_model,
)

LEVEL = "O3"


def main() -> None:
    """Export both graphs."""
    parser = argparse.ArgumentParser(description="Export a model as sentence-transformers does.")
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    model = SentenceTransformer(
        str(arguments.model),
        backend="onnx",
        device="cpu",
        local_files_only=True,
        model_kwargs={"export": True, "provider": "CPUExecutionProvider"},
    )
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        export_optimized_onnx_model(model, LEVEL, scratch)
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name in ("model.onnx", f"model_{LEVEL}.onnx"):
            shutil.move(Path(scratch) / "onnx" / name, arguments.out / name)


if __name__ == "__main__":
    main()

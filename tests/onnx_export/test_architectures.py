import json
from pathlib import Path

import pytest

from onnx_export import export, read_manifest


@pytest.mark.parametrize(
    ("architecture", "pooling", "max_tokens"),
    [
        ("bert", "mean", 64),
        ("distilbert", "mean", 64),
        ("roberta", "mean", 64),
        ("xlm-roberta", "mean", 64),
        ("mpnet", "mean", 64),
        ("t5", "mean", 512),
        ("qwen2", "last", 64),
        ("llama", "last", 64),
        ("gpt2", "last", 64),
    ],
)
def test_tiny(make_model, tmp_path: Path, architecture: str, pooling: str, max_tokens: int) -> None:
    for p in ("fp32", "int8", "fp16"):
        try:
            manifest = export(str(make_model(architecture)), tmp_path / "out", precision=p)
        except Exception as e:
            if p == "fp32":
                raise
            print(p, type(e), e)
            continue
        print(p, manifest.graph.fused, manifest.parity)
        assert manifest.pooling == pooling
        assert manifest.max_tokens == max_tokens

from pathlib import Path

import pytest

from onnx_export.processor import suitable_precision


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni amx_tile", "int8"),
        ("flags\t\t: fpu avx2 avx_vnni", "int8"),
        ("Features\t: fp asimd asimddp i8mm", "int8"),
        ("flags\t\t: fpu avx2 avx512f avx512_vnninot", "fp32"),
        ("", "fp32"),
    ],
)
def test_int8_where_the_processor_is_made_for_it(flags: str, precision: str, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n")
    assert suitable_precision(tmp_path / "cpuinfo") == precision


def test_a_processor_that_does_not_say(tmp_path: Path) -> None:
    assert suitable_precision(tmp_path / "absent") == "fp32"

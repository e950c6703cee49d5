"""Which precision suits this machine's processor."""

import re
from pathlib import Path

_VNNI = re.compile(r"\b(avx512_vnni|avx_vnni|asimddp|i8mm)\b")


def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies 8-bit integers in one instruction: VNNI on x86, dot products on ARM.

    Without that int8 is no faster than fp32, and on older x86 its products saturate. Where the processor does not say
    (no such file), the answer is no.
    """
    try:
        return _VNNI.search(cpuinfo.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return False


def suitable_precision(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """int8 where the processor is made for it, else fp32."""
    return "int8" if has_vnni(cpuinfo) else "fp32"

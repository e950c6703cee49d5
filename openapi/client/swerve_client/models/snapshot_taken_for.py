from typing import Literal

SnapshotTakenFor = Literal["change", "request"]

SNAPSHOT_TAKEN_FOR_VALUES: set[SnapshotTakenFor] = {
    "change",
    "request",
}


def check_snapshot_taken_for(value: str) -> SnapshotTakenFor:
    if value in SNAPSHOT_TAKEN_FOR_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {SNAPSHOT_TAKEN_FOR_VALUES!r}")

from typing import Literal

SnapshotStatus = Literal["ok", "uncalibrated", "warming_up"]

SNAPSHOT_STATUS_VALUES: set[SnapshotStatus] = {
    "ok",
    "uncalibrated",
    "warming_up",
}


def check_snapshot_status(value: str) -> SnapshotStatus:
    if value in SNAPSHOT_STATUS_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {SNAPSHOT_STATUS_VALUES!r}")

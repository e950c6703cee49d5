"""No room left for Postgres: refusals, nothing half-written, and everything goes on when there is room again.

Twice: on a small file system that is really full, where one may be mounted; and with a limit on the size of files,
which any process may set and which Postgres meets in the same places.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from bench.faults.system import postgres_processes, running
from service.database.embedded import EmbeddedPostgres
from tests.faults.conftest import Clients, Traffic, assert_nothing_lost_or_doubled, traffic

pytestmark = pytest.mark.anyio

DISK_BYTES = 192 * 2**20
FILE_BYTES = 16 * 2**20
"""No smaller: Postgres's write-ahead log is in files of this size."""


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A folder with a file system of its own."""
    disk = folder / "disk"
    disk.mkdir()
    options = f"size={DISK_BYTES},mode=0755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here, the limit on files stands for it: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(path: Path) -> None:
    """Take all the room there is, to the last block."""
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


async def assert_refused_while_full(load: Traffic) -> None:
    await load.refused(20)
    async with load.session.get("/livez") as answer:
        assert answer.status == 200


async def test_a_full_disk(small_disk: Path, model_dir: Path, clients: Clients) -> None:
    with running(small_disk, model_dir) as system:
        async with traffic(system.url, clients) as load:
            await load.more(60)
            filler = small_disk / "filler"
            await asyncio.to_thread(fill, filler)
            await assert_refused_while_full(load)
            filler.unlink()
            await load.more(60)
        assert set(load.ledger.statuses) <= {200, 503}
        await assert_nothing_lost_or_doubled(system.url, load.ledger)


async def test_files_that_may_not_grow(folder: Path, model_dir: Path, clients: Clients) -> None:
    outside = folder / "outside"
    postgres = EmbeddedPostgres(outside)
    try:
        url = await asyncio.to_thread(postgres.start)
        with running(folder, model_dir, DATABASE_URL=url) as system:
            await fill_a_table(url)
            async with traffic(system.url, clients) as load:
                await load.more(60)
                limit(outside, FILE_BYTES)
                await assert_refused_while_full(load)
                limit(outside, "unlimited")
                await load.more(60)
            assert set(load.ledger.statuses) <= {200, 503}
            await assert_nothing_lost_or_doubled(system.url, load.ledger)
    finally:
        await asyncio.to_thread(postgres.stop)


def limit(data_dir: Path, size: int | str) -> None:
    """Let no file of this Postgres grow beyond that; its new processes inherit it.

    Set as the user that it runs as: in a container, root may not do it to others.
    """
    for process in postgres_processes(data_dir):
        command = ["prlimit", "--pid", str(process.pid), f"--fsize={size}:"]
        subprocess.run(command, check=True, user=process.uids().real, group=process.gids().real, extra_groups=[])


async def fill_a_table(url: str) -> None:
    """Rows of nobody's in a table that every request writes to, until its file is as large as it will be let.

    Seven of them fill a page of Postgres's to 20 bytes, so that no room is left between them.
    """
    connection = await asyncpg.connect(url)
    try:
        first, rows = 1, 14_300
        while (size := await connection.fetchval("SELECT pg_relation_size('seen_events')")) < FILE_BYTES:
            await connection.execute(
                """
                INSERT INTO seen_events (domain, user_key, event_id, occurred_at)
                SELECT 'filler', decode(lpad(to_hex(n), 32, '0'), 'hex'), repeat('x', 1100), now()
                FROM generate_series($1::int, $2::int) AS n
                """,
                first,
                first + rows - 1,
            )
            first, rows = first + rows, 1
        assert size == FILE_BYTES
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()

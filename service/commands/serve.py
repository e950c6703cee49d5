"""`swerve serve`."""

from service import server
from service.settings import Settings


def run(settings: Settings) -> None:
    """Serve until stopped; see `service.server.run`."""
    server.run(settings)

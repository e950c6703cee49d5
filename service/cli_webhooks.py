"""The part of the command line that is `swerve webhooks`."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console

from service.settings import Settings

WIDE = 400
"""Columns of a table that goes to a program: a URL is not cut off."""

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id; `swerve webhooks list` shows it.")]


def webhooks_app(
    settings: Callable[[], Settings],
    run: Callable[[Callable[[], None]], None],
    command: Callable[[str], ModuleType],
) -> typer.Typer:
    """The commands.

    Args:
        settings: reads the settings.
        run: runs a command; what its operator can mend becomes one line.
        command: finds a command's module.
    """
    app = typer.Typer(help="Have changes told to receivers. See docs/webhooks.md.", no_args_is_help=True)

    def echo_secret(made: tuple[str, str]) -> None:
        typer.echo(made[0])
        typer.echo(made[1], err=True)

    def console() -> Console:
        return Console(width=None if sys.stdout.isatty() else WIDE, markup=False, highlight=False)

    @app.command("create")
    def _create(
        url: Annotated[str, typer.Argument(help="Where messages are sent, such as https://shop.example/hooks.")],
        domain: Annotated[str | None, typer.Option(help="Only changes in this domain.")] = None,
        description: Annotated[str, typer.Option(help="To know it by.")] = "",
    ) -> None:
        """Make a webhook and write its secret to standard output, this once."""
        given = settings()
        run(lambda: echo_secret(command("webhooks").create(given, url, domain, description)))

    @app.command("list")
    def _list() -> None:
        """List all webhooks. Secrets are not shown."""
        given = settings()
        run(lambda: command("webhooks").show_all(given, console()))

    @app.command("show")
    def _show(webhook_id: WebhookId) -> None:
        """Show a webhook, and whether it works."""
        given = settings()
        run(lambda: command("webhooks").show(given, webhook_id, console()))

    @app.command("rotate")
    def _rotate(webhook_id: WebhookId) -> None:
        """Give a webhook another secret and write it to standard output, this once."""
        given = settings()
        run(lambda: echo_secret(command("webhooks").rotate(given, webhook_id)))

    @app.command("enable")
    def _enable(webhook_id: WebhookId) -> None:
        """Enable a webhook again: what waited is sent."""
        given = settings()
        run(lambda: typer.echo(command("webhooks").switch(given, webhook_id, enabled=True)))

    @app.command("disable")
    def _disable(webhook_id: WebhookId) -> None:
        """Send nothing to a webhook until it is enabled again."""
        given = settings()
        run(lambda: typer.echo(command("webhooks").switch(given, webhook_id, enabled=False)))

    @app.command("delete")
    def _delete(webhook_id: WebhookId) -> None:
        """Delete a webhook, with its deliveries."""
        given = settings()
        run(lambda: typer.echo(command("webhooks").delete(given, webhook_id)))

    @app.command("deliveries")
    def _deliveries(
        webhook_id: WebhookId,
        limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
    ) -> None:
        """List a webhook's deliveries, newest first."""
        given = settings()
        run(lambda: command("webhooks").show_deliveries(given, webhook_id, limit, console()))

    @app.command("resend")
    def _resend(webhook_id: WebhookId) -> None:
        """Have a webhook's failed deliveries sent again."""
        given = settings()
        run(lambda: typer.echo(command("webhooks").resend(given, webhook_id)))

    return app

"""The part of the command line that is `swerve webhooks`."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from service.console import load_command, read_settings, run_command

WIDE = 400
"""Columns of a table that goes to a program: a URL is not cut off."""

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id; `swerve webhooks list` shows it.")]


webhooks_app = typer.Typer(help="Have changes told to receivers. See docs/webhooks.md.", no_args_is_help=True)


def _echo_secret(made: tuple[str, str]) -> None:
    typer.echo(made[0])
    typer.echo(made[1], err=True)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE, markup=False, highlight=False)


@webhooks_app.command("create")
def _create(
    url: Annotated[str, typer.Argument(help="Where messages are sent, such as https://shop.example/hooks.")],
    domain: Annotated[str | None, typer.Option(help="Only changes in this domain.")] = None,
    description: Annotated[str, typer.Option(help="To know it by.")] = "",
) -> None:
    """Make a webhook and write its secret to standard output, this once."""
    settings = read_settings()
    run_command(lambda: _echo_secret(load_command("webhooks").create(settings, url, domain, description)))


@webhooks_app.command("list")
def _list() -> None:
    """List all webhooks. Secrets are not shown."""
    settings = read_settings()
    run_command(lambda: load_command("webhooks").show_all(settings, _console()))


@webhooks_app.command("show")
def _show(webhook_id: WebhookId) -> None:
    """Show a webhook, and whether it works."""
    settings = read_settings()
    run_command(lambda: load_command("webhooks").show(settings, webhook_id, _console()))


@webhooks_app.command("rotate")
def _rotate(webhook_id: WebhookId) -> None:
    """Give a webhook another secret and write it to standard output, this once."""
    settings = read_settings()
    run_command(lambda: _echo_secret(load_command("webhooks").rotate(settings, webhook_id)))


@webhooks_app.command("enable")
def _enable(webhook_id: WebhookId) -> None:
    """Enable a webhook again: what waited is sent."""
    settings = read_settings()
    run_command(lambda: typer.echo(load_command("webhooks").switch(settings, webhook_id, enabled=True)))


@webhooks_app.command("disable")
def _disable(webhook_id: WebhookId) -> None:
    """Send nothing to a webhook until it is enabled again."""
    settings = read_settings()
    run_command(lambda: typer.echo(load_command("webhooks").switch(settings, webhook_id, enabled=False)))


@webhooks_app.command("delete")
def _delete(webhook_id: WebhookId) -> None:
    """Delete a webhook, with its deliveries."""
    settings = read_settings()
    run_command(lambda: typer.echo(load_command("webhooks").delete(settings, webhook_id)))


@webhooks_app.command("deliveries")
def _deliveries(
    webhook_id: WebhookId,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
) -> None:
    """List a webhook's deliveries, newest first."""
    settings = read_settings()
    run_command(lambda: load_command("webhooks").show_deliveries(settings, webhook_id, limit, _console()))


@webhooks_app.command("resend")
def _resend(webhook_id: WebhookId) -> None:
    """Have a webhook's failed deliveries sent again."""
    settings = read_settings()
    run_command(lambda: typer.echo(load_command("webhooks").resend(settings, webhook_id)))

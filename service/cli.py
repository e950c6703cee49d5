"""The command line, `swerve`."""

import math
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import service
from service.access.scopes import SCOPES
from service.cli_webhooks import webhooks_app
from service.console import UNFINISHED, WIDE, load_command, read_settings, run_command
from service.detection.rules import Rule, RuleName
from service.wire import DEFAULT_DOMAIN

app = typer.Typer(
    name="swerve",
    help="Notices when a user's interests swerve. Settings are environment variables; see the README.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

keys = typer.Typer(name="keys", help="Make, list and revoke API keys.", no_args_is_help=True)
app.add_typer(keys)
retention_app = typer.Typer(help="Remove what is too old to keep. See docs/privacy.md.", no_args_is_help=True)
app.add_typer(retention_app, name="retention")
user_keys_app = typer.Typer(
    help="Change the secret from which users' keys are made. See docs/privacy.md.", no_args_is_help=True
)
app.add_typer(user_keys_app, name="user-keys")
app.add_typer(webhooks_app, name="webhooks")


def main() -> None:
    """Entry point of the console command. Every expected failure is one line on standard error and an exit code."""
    app()


@app.callback(invoke_without_command=True)
def _root(
    *, version: Annotated[bool, typer.Option("--version", help="Show the version and leave.", is_eager=True)] = False
) -> None:
    if version:
        typer.echo(service.__version__)
        raise typer.Exit


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [SWERVE_HOST, 127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [SWERVE_PORT, 8000]; 0: a free one.")] = None,
) -> None:
    """Serve until stopped. Without DATABASE_URL a Postgres of its own runs in the data folder."""
    given = {"host": host, "port": port}
    settings = read_settings(**{name: value for name, value in given.items() if value is not None})

    run_command(lambda: load_command("serve").run(settings))


@app.command()
def migrate(
    down_to: Annotated[
        str | None, typer.Option(help="Go back to this revision, `base` for an empty database. Dropped data is lost.")
    ] = None,
) -> None:
    """Bring the database's schema up to date, or back to an earlier revision."""
    settings = read_settings()
    run_command(lambda: typer.echo(load_command("migrate").run(settings, down_to)))


@app.command()
def openapi(
    out: Annotated[Path | None, typer.Option(help="File to write; without it, standard output.")] = None,
) -> None:
    """Write the OpenAPI document. Needs neither a model nor a database."""
    run_command(lambda: typer.echo(load_command("openapi").run(out), nl=False))


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="To know it by, such as the program that uses it.")],
    scope: Annotated[
        list[str],
        typer.Option(metavar="|".join(SCOPES), help="What it may do; give it again for more. admin may do everything."),
    ],
    expires_in: Annotated[str | None, typer.Option(help="How long it is valid, such as 90d, 12h or 30m.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="Until when it is valid, such as 2027-01-31T00:00Z.")] = None,
    rate_limit: Annotated[
        str | None, typer.Option(help="Requests it may make, such as 600/minute [SWERVE_RATE_LIMIT].")
    ] = None,
) -> None:
    """Make an API key and write it to standard output, this once. From the first one on, requests need a key."""
    settings = read_settings()

    def make() -> None:
        command = load_command("keys")
        key, told = command.create(
            settings, name, scope, expires_in=expires_in, expires_at=expires_at, rate_limit=rate_limit
        )
        typer.echo(key)
        typer.echo(told, err=True)

    run_command(make)


@keys.command("list")
def list_keys() -> None:
    """List all keys, those revoked and expired too. Secrets are not kept, so they are not shown."""
    settings = read_settings()
    console = Console(width=None if sys.stdout.isatty() else WIDE, markup=False, highlight=False)
    run_command(lambda: load_command("keys").show(settings, console))


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id; `swerve keys list` shows it.")],
) -> None:
    """Revoke a key, for good."""
    settings = read_settings()
    run_command(lambda: typer.echo(load_command("keys").revoke(key_id, settings)))


LogFile = Annotated[Path, typer.Argument(help="CSV or Parquet with user_id, occurred_at, text; see docs/logs.md.")]
ModelFolder = Annotated[Path | None, typer.Option(help="The exported model [SWERVE_MODEL_DIR, models/default].")]
ProfileFile = Annotated[Path | None, typer.Option(help="The profile [SWERVE_PROFILE, the shipped one].")]
Fewest = Annotated[int, typer.Option("--min-behaviors", min=12, help="Shorter histories are left out.")]
Most = Annotated[int, typer.Option("--max-behaviors", min=1000, help="Of a longer log, users drawn at random.")]
Seed = Annotated[int, typer.Option(help="Of everything random; the same seed gives the same result.")]


def _a_number(value: float | None) -> float | None:
    """Refuse `nan`, which is in every range."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number.")
    return value


@app.command()
def calibrate(  # noqa: PLR0917 - typer passes them by name
    log: LogFile,
    out: Annotated[Path, typer.Option(help="The profile to write; the report goes beside it, .html and .json.")],
    model: ModelFolder = None,
    behaviors_per_false_alarm: Annotated[
        float, typer.Option(min=20.0, max=1e6, callback=_a_number, help="How rare false alarms are to be.")
    ] = 1000.0,
    fewest: Fewest = 20,
    most: Most = 400_000,
    seed: Seed = 0,
    new_texts: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            callback=_a_number,
            help="Share of behaviours to come about texts that are not in the log, such as tomorrow's news; "
            "without it, as at the log's end.",
        ),
    ] = None,
    *,
    search: Annotated[
        bool,
        typer.Option(help="Choose topics and numbers by trial; without, take usual ones, in a fraction of the time."),
    ] = True,
) -> None:
    """Make a profile from your own log, without labels, and a report of how good it is."""
    settings = read_settings()
    command = load_command("calibrate")
    asked = command.Asked(
        log, out, model or settings.model_dir, behaviors_per_false_alarm, fewest, most, seed, search, new_texts
    )
    run_command(lambda: typer.echo(command.run(asked, settings)))


@app.command()
def evaluate(  # noqa: PLR0917 - typer passes them by name
    log: LogFile,
    out: Annotated[Path, typer.Option(help="The report to write, .html; its figures go beside it as .json.")],
    model: ModelFolder = None,
    profile: ProfileFile = None,
    fewest: Fewest = 20,
    most: Most = 400_000,
    seed: Seed = 0,
) -> None:
    """Plant changes in a log, and count how many the detector and the plain rules find."""
    settings = read_settings()
    command = load_command("evaluate")
    asked = command.Asked(log, out, model or settings.model_dir, profile or settings.profile, fewest, most, seed)
    run_command(lambda: typer.echo(command.run(asked, settings)))


@app.command()
def replay(  # noqa: PLR0917 - typer passes them by name
    log: LogFile,
    out: Annotated[Path, typer.Option(help="The decisions to write, CSV or Parquet by its ending.")],
    model: ModelFolder = None,
    profile: ProfileFile = None,
    detector: Annotated[RuleName, typer.Option(help="Which score decides.")] = "bayes",
    threshold: Annotated[float | None, typer.Option(help="Above what; without it, the configured one.")] = None,
) -> None:
    """Run the detector over a log, without server or database: one decision for each behaviour."""
    settings = read_settings()
    command = load_command("replay")
    asked = command.Asked(log, out, model or settings.model_dir, profile or settings.profile, Rule(detector, threshold))
    run_command(lambda: typer.echo(command.run(asked, settings)))


@retention_app.command("run")
def retention_run(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be removed; remove nothing.")] = False
) -> None:
    """Remove what is older than the SWERVE_RETENTION_DAYS_... settings allow, and print how many rows."""
    settings = read_settings()
    command = load_command("retention")
    run_command(lambda: command.run(settings, dry_run=dry_run))


@user_keys_app.command("status")
def user_keys_status() -> None:
    """How many users are held under which secret. Exit code 3 while some are not under the present one."""
    settings = read_settings()
    command = load_command("user_keys")
    finished: list[bool] = []
    run_command(lambda: finished.append(command.status(settings)))
    if not all(finished):
        raise typer.Exit(UNFINISHED)


@user_keys_app.command("move")
def user_keys_move(
    ids: Annotated[Path, typer.Argument(help="A file with one user id a line, UTF-8.")],
    domain: Annotated[str, typer.Option(help="The domain that the users are in.")] = DEFAULT_DOMAIN,
) -> None:
    """Move users to the present secret now, instead of when they next come."""
    settings = read_settings()
    command = load_command("user_keys")
    run_command(lambda: typer.echo(command.move(settings, ids, domain)))

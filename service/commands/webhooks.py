"""`swerve webhooks`: the same as the endpoints, for who runs the service. Also while a service runs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database import migrate
from service.database.opening import open_engine
from service.database.sessions import ReadSession, WriteSession, read_sessions, write_sessions
from service.deliveries.start import open_sender
from service.errors import InputError
from service.identity import check_secret, load_other_secrets, load_secret
from service.problems import Problem
from service.settings import Settings
from service.webhooks import service
from service.webhooks.schemas import DeliveryQuery, NewWebhook, Resend, Rotation, Webhook, WebhookUpdate

T = TypeVar("T")


def create(settings: Settings, url: str, domain: str | None, description: str) -> tuple[str, str]:
    """Make a webhook: its secret, shown this once, and what to know of it.

    Raises:
        InputError: the address or a name cannot be used.
    """
    asked = _checked(lambda: NewWebhook(url=url, domain=domain, description=description))

    async def make(engine: AsyncEngine) -> tuple[str, str]:
        keys = await _keys(engine, settings)
        async with open_sender(settings) as sender, write_sessions(engine).begin() as session:
            made = await service.create(session, keys, sender, asked)
        told = f"Webhook {made.webhook_id}: {made.domain or 'all domains'}. Its secret is shown this once: keep it."
        return made.secret, told

    return _run(settings, make)


def rotate(settings: Settings, webhook_id: str) -> tuple[str, str]:
    """Give a webhook another secret: the secret, shown this once, and what to know of it."""
    name = _id(webhook_id)

    async def change(engine: AsyncEngine) -> tuple[str, str]:
        keys = await _keys(engine, settings)
        async with write_sessions(engine).begin() as session:
            made = await service.rotate(session, keys, name, Rotation())
        until = "" if made.previous_secret_until is None else f" until {_time(made.previous_secret_until)}"
        return made.secret, f"Messages are signed with the secret before, too,{until}. The new one is shown this once."

    return _run(settings, change)


def switch(settings: Settings, webhook_id: str, *, enabled: bool) -> str:
    """Enable or disable a webhook; what to know of it."""
    name = _id(webhook_id)

    async def change(engine: AsyncEngine) -> None:
        async with open_sender(settings) as sender, write_sessions(engine).begin() as session:
            await service.change(session, sender, name, WebhookUpdate(enabled=enabled))

    _run(settings, change)
    return f"Webhook {name} is {'enabled: what waited is sent now' if enabled else 'disabled'}."


def delete(settings: Settings, webhook_id: str) -> str:
    """Delete a webhook, with its deliveries; what to know of it."""
    name = _id(webhook_id)
    _run(settings, lambda engine: _writing(engine, lambda session: service.remove(session, name)))
    return f"Webhook {name} is deleted."


def resend(settings: Settings, webhook_id: str) -> str:
    """Have all failed deliveries of a webhook sent again; how many they are."""
    name = _id(webhook_id)
    work = _run(settings, lambda engine: _writing(engine, lambda session: service.resend(session, name, Resend())))
    return f"{work.resent:,} failed deliveries are sent again by running services."


def show_all(settings: Settings, console: Console) -> None:
    """Write a table of all webhooks, oldest first."""
    table = _table("id", "url", "domain", "created", "status")
    for webhook in _run(settings, lambda engine: _reading(engine, service.every)):
        domain = webhook.domain or "-"
        table.add_row(str(webhook.webhook_id), webhook.url, domain, _time(webhook.created_at), _status(webhook))
    console.print(table)


def show(settings: Settings, webhook_id: str, console: Console) -> None:
    """Write one webhook, a line for each of its figures."""
    name = _id(webhook_id)
    webhook = _run(settings, lambda engine: _reading(engine, lambda session: service.get(session, name)))
    table = _table("", "")
    table.show_header = False
    for field, value in webhook.model_dump().items():
        table.add_row(field, _time(value) if isinstance(value, datetime) else "-" if value is None else str(value))
    console.print(table)


def show_deliveries(settings: Settings, webhook_id: str, limit: int, console: Console) -> None:
    """Write a table of a webhook's deliveries, newest first."""
    name = _id(webhook_id)
    query = DeliveryQuery(limit=limit)
    page = _run(settings, lambda engine: _reading(engine, lambda session: service.deliveries(session, name, query)))
    table = _table("message id", "domain", "state", "attempts", "created", "next attempt", "error")
    for delivery in page.items:
        table.add_row(
            delivery.message_id,
            delivery.domain,
            delivery.state,
            str(delivery.attempts),
            _time(delivery.created_at),
            _time(delivery.next_attempt_at) if delivery.next_attempt_at else "-",
            delivery.error or "-",
        )
    console.print(table)


def _status(webhook: Webhook) -> str:
    if not webhook.enabled:
        return f"disabled: {webhook.disabled_reason}" if webhook.disabled_reason else "disabled"
    return f"failing since {_time(webhook.failing_since)}" if webhook.failing_since else "works"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _id(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError as error:
        raise InputError("this is no id of a webhook; `swerve webhooks list` shows the ids") from error


def _checked(make: Callable[[], T]) -> T:
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise InputError(f"--{first['loc'][0]}: {first['msg']}") from error


async def _keys(engine: AsyncEngine, settings: Settings) -> tuple[bytes, ...]:
    secret, others = load_secret(settings), load_other_secrets(settings)
    async with write_sessions(engine).begin() as session:
        await check_secret(session, secret, others)  # else running services could not read what is sealed here
    return (secret, *others)


async def _reading(engine: AsyncEngine, work: Callable[[ReadSession], Awaitable[T]]) -> T:
    async with read_sessions(engine)() as session:
        return await work(session)


async def _writing(engine: AsyncEngine, work: Callable[[WriteSession], Awaitable[T]]) -> T:
    async with write_sessions(engine).begin() as session:
        return await work(session)


def _run(settings: Settings, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    try:
        return asyncio.run(_with_engine(settings, work))
    except Problem as problem:
        told = [f"{field.field} {field.message}" for field in problem.errors] or [problem.detail]
        raise InputError("; ".join(told)) from problem


async def _with_engine(settings: Settings, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    async with open_engine(settings) as engine:
        await migrate.require_current(engine, upgrading=settings.migrate_on_start)
        return await work(engine)


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")

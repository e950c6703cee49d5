"""Rows of other features that expire by themselves, whatever the settings say of retention."""

from datetime import datetime, timedelta

from service.database.sessions import ReadSession, WriteSession
from service.deliveries import repository as deliveries
from service.idempotency import repository as records
from service.items import write_repository as items
from service.releases import repository as releases
from service.retention.rules import Cleanup
from service.settings import Settings


def cleanups(settings: Settings) -> tuple[Cleanup, ...]:
    """What every run does beside the rules of age."""
    period = timedelta(days=settings.privacy_period_days)

    async def delete_spent(session: WriteSession, now: datetime) -> int:
        return await releases.delete_spent(session, now - period)

    async def count_spent(session: ReadSession, now: datetime) -> int:
        return await releases.count_spent(session, now - period)

    kept = timedelta(days=settings.webhooks_keep_days)

    async def delete_told(session: WriteSession, now: datetime) -> int:
        return await deliveries.delete_old(session, now - kept)

    async def count_told(session: ReadSession, now: datetime) -> int:
        return await deliveries.count_old(session, now - kept)

    return (
        Cleanup("idempotency_records", records.delete_expired, records.count_expired),
        Cleanup("privacy_releases", delete_spent, count_spent),
        Cleanup("items", items.delete_expired, items.count_expired),
        Cleanup("webhook_deliveries", delete_told, count_told),
    )

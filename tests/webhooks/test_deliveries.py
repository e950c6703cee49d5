"""From a stored change to a receiver: none is lost, none is invented, whatever the receiver does."""

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from standardwebhooks import WebhookVerificationError

from service.deliveries.repository import LEASE
from service.deliveries.retries import WAITS
from service.mutations.schemas import MutationEvent
from service.populations.judge import Shift
from service.populations.schemas import PopulationShift
from service.retention.cleanups import cleanups
from service.telemetry.metrics import Metrics
from service.webhooks.signing import new_secret
from tests.webhooks.conftest import App
from tests.webhooks.receiver import Receiver, answer, hang_up

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SINCE = datetime(2026, 1, 5, tzinfo=UTC)


def attempts(metrics: Metrics) -> dict[str, float]:
    """Attempts by outcome, those that were."""
    return {
        sample.labels["outcome"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "swerve_webhook_attempts_total" and sample.value
    }


async def test_a_change_is_told_with_all_that_the_contract_says(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    await app.change("u/1")
    topic = {"topic": 1, "label": "two", "before": 0.25, "after": 0.75}
    await app.execute("UPDATE mutations SET gained = CAST(:topics AS jsonb)", topics=json.dumps([topic]))
    await app.deliver()
    (got,) = receiver.got
    event = got.verified(webhook["secret"])
    MutationEvent.model_validate(event)
    assert event["type"] == "interest.mutation.detected"
    history = (await app.client.get("/users/u%2F1/history", params={"mutated_only": True})).json()["items"]
    (snapshot,) = history
    assert event["data"] == {
        "user_id": "u/1",
        "domain": "default",
        "snapshot_id": snapshot["snapshot_id"],
        "sequence": snapshot["sequence"],
        "change": snapshot["change"],
        "topics": {"gained": [topic], "lost": []},
        "population": None,
    }
    assert got.id == f"msg_{UUID(snapshot['snapshot_id']).hex}"
    (delivery,) = await app.deliveries(webhook)
    assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("delivered", 1, 204)
    assert delivery["message_id"] == got.id
    assert delivery["next_attempt_at"] is None
    assert attempts(app.resources.metrics) == {"delivered": 1}
    await app.deliver(10 * DAY)
    assert len(receiver.got) == 1


async def test_a_change_that_many_users_make_says_so_whenever_it_is_told(app: App, receiver: Receiver) -> None:
    await app.webhook(receiver.url)
    shift = Shift(topic=1, label="two", users=40, changed_users=90, expected=3.5, since=SINCE, probability=0.99)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(app.resources.populations, "shift_of", lambda _domain, _gained: shift)
        answer_ = await app.change("u")
    receiver.then(answer(500))
    await app.deliver()
    await app.deliver(DAY)
    first, second = receiver.got
    assert first.body == second.body
    told = json.loads(first.body)["data"]["population"]
    assert told == answer_["population"] == PopulationShift.of(shift).model_dump(mode="json")
    await app.change("another")
    await app.deliver(DAY)
    assert json.loads(receiver.got[-1].body)["data"]["population"] is None


async def test_what_stores_nothing_tells_nothing(app: App, receiver: Receiver) -> None:
    await app.webhook(receiver.url)
    body = {"user_id": "u", "behaviors": [{"text": "left", "occurred_at": "2026-01-05T10:00:00+00:00"}]}
    assert (await app.client.post("/detect", json=body)).status_code == 200
    await app.deliver()
    assert receiver.got == []


async def test_who_is_told_by_domain_time_and_switch(app: App, receiver: Receiver) -> None:
    await app.change("before")
    await app.deliver()
    everything = await app.webhook(f"{receiver.url}/all")
    shop = await app.webhook(f"{receiver.url}/shop", domain="shop")
    off = await app.webhook(f"{receiver.url}/off")
    switch = f"/webhooks/{off['webhook_id']}"
    assert not (await app.client.patch(switch, json={"enabled": False})).json()["enabled"]
    await app.change("u", "shop")
    await app.change("u", "news")
    await app.deliver()
    assert (await app.client.patch(switch, json={"enabled": True})).json()["enabled"]
    await app.change("after", "news")
    await app.deliver()

    def told(path: str, webhook: dict[str, Any]) -> list[tuple[str, str]]:
        events = [got.verified(webhook["secret"])["data"] for got in receiver.got if got.path == f"/hook/{path}"]
        return [(event["user_id"], event["domain"]) for event in events]

    assert sorted(told("all", everything)) == [("after", "news"), ("u", "news"), ("u", "shop")]
    assert told("shop", shop) == [("u", "shop")]
    assert told("off", off) == [("after", "news")]


async def test_a_receiver_that_comes_back_gets_what_it_missed_by_the_schedule(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    await app.change("u")
    receiver.then(answer(500), hang_up, answer(404))
    await app.deliver()
    (delivery,) = await app.deliveries(webhook)
    assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("pending", 1, 500)
    due = datetime.fromisoformat(delivery["next_attempt_at"]) - datetime.fromisoformat(delivery["attempted_at"])
    assert 5 <= due.total_seconds() < 5 * 1.1 + 30  # and what the attempt took
    assert (await app.shown(webhook))["failing_since"] is not None
    waited = timedelta()
    for wait in WAITS[1:4]:
        await app.deliver(waited)
        seen = len(receiver.got)
        await app.deliver(waited + timedelta(seconds=wait * 0.9))
        assert len(receiver.got) == seen  # not yet
        waited += timedelta(seconds=wait * 1.1) + timedelta(seconds=30)
        await app.deliver(waited)
        assert len(receiver.got) == seen + 1
    assert len({got.id for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1
    (delivery,) = await app.deliveries(webhook)
    assert (delivery["state"], delivery["attempts"], delivery["error"]) == ("delivered", 4, None)
    assert (await app.shown(webhook))["failing_since"] is None
    assert attempts(app.resources.metrics) == {"delivered": 1, "refused": 2, "unreachable": 1}


async def test_retry_after_is_heeded(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    await app.change("u")
    receiver.then(answer(429, Retry_After="7200"))
    await app.deliver()
    await app.deliver(timedelta(hours=1.9))
    assert len(receiver.got) == 1
    await app.deliver(timedelta(hours=2.3))
    assert len(receiver.got) == 2
    assert [delivery["state"] for delivery in await app.deliveries(webhook)] == ["delivered"]


async def test_what_is_given_up_is_seen_and_sent_again(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    receiver.usually = answer(500)
    await app.change("u")
    waited = timedelta()
    for wait in WAITS:
        waited += timedelta(seconds=wait * 1.1) + SECOND * 10
        await app.deliver(waited)
    assert len(receiver.got) == len(WAITS)
    (failed,) = await app.deliveries(webhook, state="failed")
    assert failed["attempts"] == len(WAITS)
    assert failed["ended_at"] is not None
    assert await app.deliveries(webhook, state="pending") == []
    await app.client.patch(f"/webhooks/{webhook['webhook_id']}", json={"enabled": True})

    receiver.usually = answer(200)
    resend = f"/webhooks/{webhook['webhook_id']}/resend"
    other = {"message_ids": ["msg_" + "0" * 32]}
    later = {"since": (datetime.now(UTC) + DAY).isoformat()}
    assert (await app.client.post(resend, json=other)).json() == {"resent": 0}
    assert (await app.client.post(resend, json=later)).json() == {"resent": 0}
    assert (await app.client.post(resend, json={"message_ids": [failed["message_id"]]})).json() == {"resent": 1}
    assert (await app.client.post(resend)).json() == {"resent": 0}  # nothing failed is left
    await app.deliver()
    (delivery,) = await app.deliveries(webhook)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", len(WAITS) + 1)
    assert receiver.got[-1].id == receiver.got[0].id


async def test_410_disables_and_enabling_resumes(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    await app.change("a")
    receiver.then(answer(500))
    await app.deliver()
    await app.change("b")
    receiver.then(answer(410))
    await app.deliver()
    shown = await app.shown(webhook)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "the receiver answered 410 Gone")
    states = {delivery["state"]: delivery for delivery in await app.deliveries(webhook)}
    assert set(states) == {"failed", "pending"}
    await app.change("c")  # nobody is told of it: it was disabled then
    await app.deliver(10 * DAY)
    assert len(receiver.got) == 2
    shown = (await app.client.patch(f"/webhooks/{webhook['webhook_id']}", json={"enabled": True})).json()
    assert (shown["enabled"], shown["disabled_reason"]) == (True, None)
    await app.deliver(6 * SECOND)
    assert [got.id for got in receiver.got[2:]] == [states["pending"]["message_id"]]


async def test_a_webhook_to_which_nothing_comes_through_for_days_is_disabled(app: App, receiver: Receiver) -> None:
    webhook, other = await app.webhook(receiver.url), await app.webhook(f"{receiver.url}/other")
    receiver.usually = answer(500)
    await app.change("a")
    await app.deliver()
    await app.deliver(4.9 * DAY)
    assert (await app.shown(webhook))["enabled"]
    await app.execute("UPDATE webhooks SET failing_since = NULL WHERE url LIKE '%other'")  # one came through here
    await app.deliver(5.9 * DAY)
    shown = await app.shown(webhook)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "nothing was delivered for 5 days")
    assert (await app.shown(other))["enabled"]


async def test_while_a_secret_is_changed_both_verify(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    mine = new_secret()
    rotated = await app.client.post(f"/webhooks/{webhook['webhook_id']}/rotate-secret", json={"secret": mine})
    assert rotated.json()["secret"] == mine
    await app.change("u")
    await app.deliver()
    for secret in (webhook["secret"], mine):
        receiver.got[0].verified(secret)
    await app.change("u", at=30)
    await app.deliver(25 * timedelta(hours=1))
    receiver.got[1].verified(mine)
    with pytest.raises(WebhookVerificationError):
        receiver.got[1].verified(webhook["secret"])


async def test_secrets_and_ids_are_stored_nowhere_in_the_clear(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    await app.change("somebody@shop.example")
    await app.deliver()
    for table in ("webhooks", "webhook_deliveries", "mutations"):
        for row in await app.fetch(f"SELECT CAST({table} AS text) AS told FROM {table}"):  # noqa: S608
            for private in (webhook["secret"], "somebody"):
                assert private not in row.told
                assert private.encode().hex() not in row.told


async def test_an_erased_user_is_told_of_no_more(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    receiver.then(answer(500))
    await app.change("u")
    await app.deliver()
    assert (await app.client.delete("/users/u")).status_code == 204
    assert await app.deliveries(webhook) == []
    await app.deliver(10 * DAY)
    assert len(receiver.got) == 1


async def test_an_erasure_in_the_midst_of_an_attempt(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    await app.change("u")
    erased = asyncio.Event()
    loop = asyncio.get_running_loop()

    def erase_first(handler: Any) -> None:
        async def erase() -> None:
            assert (await app.client.delete("/users/u")).status_code == 204
            erased.set()

        asyncio.run_coroutine_threadsafe(erase(), loop).result(30)
        answer(500)(handler)

    receiver.then(erase_first)
    await app.deliver()
    assert erased.is_set()
    assert await app.deliveries(webhook) == []
    assert await app.fetch("SELECT 1 FROM webhook_deliveries") == []


async def test_two_replicas_send_each_change_once(app: App, receiver: Receiver) -> None:
    await app.webhook(receiver.url)
    changes = 60
    for user in range(changes):
        await app.change(f"u{user}")
    couriers = [app.courier(workers=3) for _ in range(2)]
    while len({got.id for got in receiver.got}) < changes:
        await asyncio.gather(*(courier.look() for courier in couriers))
        await asyncio.gather(*(courier.settle() for courier in couriers))
    assert len(receiver.got) == changes
    assert await app.fetch("SELECT state, count(*) FROM webhook_deliveries GROUP BY state") == [("delivered", changes)]


async def test_a_change_that_commits_late_is_neither_lost_nor_told_early(app: App, receiver: Receiver) -> None:
    """The first to begin is the last to commit; what was stored after it waits, and then both are told."""
    await app.webhook(receiver.url)
    await app.change("early")
    (row,) = await app.fetch("SELECT domain, user_key FROM mutations")
    async with app.engine.connect() as late:
        await late.execute(text("SELECT pg_current_xact_id()"))
        await app.change("later")
        await late.execute(
            text(
                "INSERT INTO mutations (domain, user_key, sequence, mutation_id, changed_at, change, gained, lost, "
                "sealed) SELECT domain, user_key, 1000, gen_random_uuid(), changed_at, change, gained, lost, '' "
                "FROM mutations WHERE user_key = :key"
            ),
            {"key": row.user_key},
        )
        await app.deliver()
        assert len(receiver.got) == 1  # of before the open transaction
        await late.commit()
    await app.deliver()
    told = await app.fetch("SELECT mutation_id FROM webhook_deliveries")
    assert len(told) == 3


async def test_a_change_that_was_rolled_back_is_not_told(app: App, receiver: Receiver) -> None:
    await app.webhook(receiver.url)
    await app.change("u")
    async with app.engine.connect() as connection:
        await connection.execute(text("UPDATE mutations SET sequence = 77"))
        await connection.rollback()
    await app.deliver()
    assert len(receiver.got) == 1
    assert (await app.fetch("SELECT count(*) FROM webhook_deliveries"))[0][0] == 1


async def test_a_claim_is_taken_over_when_who_had_it_is_gone(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    await app.change("u")
    dead = app.courier()
    await dead.look()
    for task in list(dead._running):
        task.cancel()  # before it has sent anything
    await dead.settle()
    await app.deliver(LEASE - 10 * SECOND)
    assert receiver.got == []
    await app.deliver(LEASE + SECOND)
    assert len(receiver.got) == 1
    (delivery,) = await app.deliveries(webhook)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 2)


async def test_who_comes_too_late_changes_nothing(app: App, receiver: Receiver) -> None:
    """An attempt that outlived its lease does not undo what the next one has stored."""
    webhook = await app.webhook(receiver.url)
    await app.change("u")
    slow, released = app.courier(), threading.Event()

    def overtaken(handler: Any) -> None:
        released.wait(30)
        answer(500)(handler)

    receiver.then(overtaken, answer(200))
    await slow.look()
    await asyncio.to_thread(receiver.await_requests, 1)
    await app.deliver(LEASE + SECOND)
    released.set()
    await slow.settle()
    (delivery,) = await app.deliveries(webhook)
    assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("delivered", 2, 200)


async def test_a_slow_receiver_does_not_keep_the_workers_of_others(app: App, receiver: Receiver) -> None:
    slow, quick = await app.webhook(f"{receiver.url}/slow"), await app.webhook(f"{receiver.url}/quick")
    for user in range(8):
        await app.change(f"u{user}")
    courier = app.courier(workers=8)
    await courier.look()
    assert courier.busy == 8
    busy = sorted(list(courier._running.values()).count(UUID(webhook["webhook_id"])) for webhook in (slow, quick))
    assert busy == [4, 4]
    await courier.settle()


async def test_what_cannot_be_read_fails_with_the_reason(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    await app.change("a")
    await app.change("b")
    await app.execute("UPDATE mutations SET sealed = '\\x00' WHERE position = (SELECT min(position) FROM mutations)")
    await app.deliver()
    states = {delivery["state"]: delivery for delivery in await app.deliveries(webhook)}
    assert set(states) == {"delivered", "pending"}
    assert "user-key secret" in states["pending"]["error"]
    await app.execute("DELETE FROM mutations")
    await app.deliver(DAY)
    (failed,) = await app.deliveries(webhook, state="failed")
    assert failed["error"] == "the change is no longer kept"


async def test_old_deliveries_go_with_retention_and_what_is_tried_stays(app: App, receiver: Receiver) -> None:
    webhook = await app.webhook(receiver.url)
    await app.change("a")
    await app.deliver()
    (cleanup,) = [each for each in cleanups(app.resources.settings) if each.table == "webhook_deliveries"]
    now = datetime.now(UTC)
    for days, left in ((13, 1), (15, 0)):
        async with app.resources.read_sessions() as session:
            assert await cleanup.count_expired(session, now + days * DAY) == 1 - left
        async with app.resources.write_sessions.begin() as writing:
            assert await cleanup.delete_expired(writing, now + days * DAY) == 1 - left
        assert len(await app.deliveries(webhook)) == left


async def test_the_age_of_what_waits_is_told(app: App, receiver: Receiver) -> None:
    await app.webhook(receiver.url)
    await app.change("a")
    receiver.then(answer(500))
    await app.deliver()
    await app.execute("UPDATE webhook_deliveries SET created_at = created_at - interval '1 hour'")
    await app.courier()._tell_age()
    lag = [s.value for f in app.resources.metrics.registry.collect() for s in f.samples if "oldest" in s.name]
    assert 3600 <= lag[0] < 3700

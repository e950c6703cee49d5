"""Managing webhooks over HTTP."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from service.identity import user_keys
from service.sealing import unseal
from service.webhooks import service
from service.webhooks.signing import new_secret
from tests.webhooks.conftest import App
from tests.webhooks.receiver import Receiver, answer

pytestmark = pytest.mark.anyio


async def refused(app: App, method: str, path: str, **body: Any) -> dict[str, str]:
    """The message by field of a refusal."""
    response = await app.client.request(method, path, json=body)
    assert response.status_code == 422, response.text
    return {error["field"]: error["message"] for error in response.json()["errors"]}


async def test_a_webhook_from_beginning_to_end(app: App, receiver: Receiver) -> None:
    made = await app.webhook(receiver.url, domain="shop", description="the shop's")
    assert made["secret"].startswith("whsec_")
    path = f"/webhooks/{made['webhook_id']}"
    shown = (await app.client.get(path)).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert (await app.client.get("/webhooks")).json() == {"items": [shown]}
    changed = (await app.client.patch(path, json={"url": f"{receiver.url}/2", "description": ""})).json()
    assert changed == shown | {"url": f"{receiver.url}/2", "description": ""}
    rotated = (await app.client.post(f"{path}/rotate-secret")).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"] is not None
    assert (await app.client.delete(path)).status_code == 204
    for method, under in [
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret"), ("POST", "/test"),
        ("GET", "/deliveries"), ("POST", "/resend"),
    ]:  # fmt: skip
        gone = await app.client.request(method, path + under, json={} if method == "PATCH" else None)
        assert (gone.status_code, gone.json()["type"]) == (404, "/problems/unknown-webhook")


async def test_a_test_event_is_sent_now_and_signed(app: App, receiver: Receiver) -> None:
    made = await app.webhook(receiver.url)
    path = f"/webhooks/{made['webhook_id']}/test"
    told = (await app.client.post(path)).json()
    assert (told["delivered"], told["outcome"], told["status"], told["error"]) == (True, "delivered", 204, None)
    event = receiver.got[0].verified(made["secret"])
    assert (event["type"], event["data"]) == ("webhook.test", {"webhook_id": made["webhook_id"]})
    receiver.then(answer(503, b"a secret page of the receiver's"))
    response = await app.client.post(path)
    assert (response.json()["delivered"], response.json()["outcome"]) == (False, "busy")
    assert "secret page" not in response.text
    assert await app.deliveries(made) == []


async def test_what_is_wrong_is_named_with_its_field(app: App) -> None:
    assert "field" not in await refused(app, "POST", "/webhooks", url="https://shop.example/", nonsense=1)
    assert set(await refused(app, "POST", "/webhooks")) == {"url"}
    assert set(await refused(app, "POST", "/webhooks", url="https://u:p@shop.example/")) == {"url"}
    assert set(await refused(app, "POST", "/webhooks", url="http://127.0.0.1/", domain="a b")) == {"domain"}
    secret = await refused(app, "POST", "/webhooks", url="http://127.0.0.1/", secret="whsec_c2hvcnQ=")
    assert "24 to 64" in secret["secret"]
    made = await app.webhook("http://127.0.0.1:9/")
    path = f"/webhooks/{made['webhook_id']}"
    assert set(await refused(app, "PATCH", path, url="ftp://shop.example/")) == {"url"}
    assert set(await refused(app, "POST", f"{path}/rotate-secret", secret="short")) == {"secret"}
    assert set(await refused(app, "POST", f"{path}/resend", message_ids=["1"])) == {"message_ids[0]"}
    page = await app.client.get(f"{path}/deliveries", params={"cursor": "v2-1"})
    assert page.json()["errors"][0]["field"] == "cursor"
    assert (await app.client.get("/webhooks/nonsense")).status_code == 422


async def test_an_address_inside_is_refused_when_it_is_registered_and_when_it_is_changed(app: App) -> None:
    app.app.state.sender = sender = type(app.sender)(allow_http=True)
    for url in ("http://127.0.0.1/", "http://localhost/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/"):
        assert "not public" in (await refused(app, "POST", "/webhooks", url=url))["url"]

    async def public(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.216.34"]

    sender._resolve = public
    made = await app.webhook("https://shop.example/hook")
    sender._resolve = type(sender)()._resolve
    path = f"/webhooks/{made['webhook_id']}"
    assert "not public" in (await refused(app, "PATCH", path, url="http://127.0.0.1/"))["url"]
    await sender.close()


async def test_there_is_a_limit(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_WEBHOOKS", 2)
    for _ in range(2):
        await app.webhook("http://127.0.0.1:9/")
    response = await app.client.post("/webhooks", json={"url": "http://127.0.0.1:9/"})
    assert (response.status_code, response.json()["type"]) == (409, "/problems/too-many-webhooks")


async def test_deliveries_come_in_pages_newest_first(app: App, receiver: Receiver) -> None:
    made = await app.webhook(receiver.url)
    for user in range(5):
        await app.change(f"u{user}")
    await app.deliver()
    path = f"/webhooks/{made['webhook_id']}/deliveries"
    every = (await app.client.get(path)).json()
    assert every["next_cursor"] is None
    assert len(every["items"]) == 5
    paged: list[Any] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await app.client.get(path, params=query)).json()
        paged += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert paged == every["items"]
    assert [item["created_at"] for item in paged] == sorted((item["created_at"] for item in paged), reverse=True)


async def test_deleting_a_webhook_deletes_its_deliveries_alone(app: App, receiver: Receiver) -> None:
    gone, kept = await app.webhook(receiver.url), await app.webhook(receiver.url)
    await app.change("u")
    receiver.usually = answer(500)
    await app.deliver()
    assert (await app.client.delete(f"/webhooks/{gone['webhook_id']}")).status_code == 204
    left = await app.fetch("SELECT webhook_id FROM webhook_deliveries")
    assert [str(row.webhook_id) for row in left] == [kept["webhook_id"]]


async def test_secrets_outlive_a_change_of_the_user_key_secret(app: App, receiver: Receiver) -> None:
    """Sealed again under the new secret, they can be read when the old one is given no more."""
    made = await app.webhook(receiver.url)
    await app.client.post(f"/webhooks/{made['webhook_id']}/rotate-secret", json={"secret": new_secret()})
    old, new = app.resources.user_key_secret, b"another secret of the service"
    assert user_keys(new, (old,), "d", "u").key_id
    async with app.resources.write_sessions.begin() as session:
        assert await service.seal_again(session, (new, old)) == 1
    async with app.resources.write_sessions.begin() as session:
        assert await service.seal_again(session, (new, old)) == 0
    (row,) = await app.fetch("SELECT webhook_id, secret, previous_secret FROM webhooks")
    assert unseal((new,), bytes(row.previous_secret), about=row.webhook_id.bytes) == made["secret"]
    unreadable = await app.client.post(f"/webhooks/{made['webhook_id']}/test")  # this app has the old one alone
    assert (unreadable.status_code, unreadable.json()["type"]) == (409, "/problems/webhook-secret-unreadable")
    rotated = (await app.client.post(f"/webhooks/{made['webhook_id']}/rotate-secret")).json()
    assert rotated["previous_secret_until"] is None
    assert (await app.client.post(f"/webhooks/{made['webhook_id']}/test")).json()["delivered"]
    receiver.got[-1].verified(rotated["secret"])


async def test_an_unknown_id_is_no_secret_told(app: App) -> None:
    response = await app.client.get(f"/webhooks/{uuid4()}")
    assert response.status_code == 404

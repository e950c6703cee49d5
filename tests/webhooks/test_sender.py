"""One message to a real receiver that fails in every way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from service.deliveries.sender import Outcome, Sender
from tests.webhooks.receiver import Plan, Receiver, answer, drip, endless, hang, hang_up, receiving

pytestmark = pytest.mark.anyio

SHORT_S = 0.5


@asynccontextmanager
async def sending(**options: Any) -> AsyncIterator[Sender]:
    sender = Sender(**{"allow_private": True, "allow_http": True} | options)
    try:
        yield sender
    finally:
        await sender.close()


async def send(url: str, **options: Any) -> Outcome:
    async with sending(**options) as sender:
        return await sender.send(url, {"webhook-id": "msg_1"}, b"{}")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_taken(receiver: Receiver, status: int) -> None:
    receiver.then(answer(status))
    outcome = await send(receiver.url + "?a=b")
    assert (outcome.kind, outcome.status, outcome.error) == ("delivered", status, None)
    (got,) = receiver.got
    assert (got.path, got.body, got.id) == ("/hook?a=b", b"{}", "msg_1")
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["user-agent"].startswith("swerve/")


@pytest.mark.parametrize(
    ("plan", "kind", "status"),
    [
        (answer(500), "refused", 500),
        (answer(404), "refused", 404),
        (answer(410), "gone", 410),
        (answer(429), "busy", 429),
        (answer(301, Location="http://169.254.169.254/latest"), "redirected", 301),
        (answer(307, Location="/hook"), "redirected", 307),
        (hang, "timeout", None),
        (drip, "timeout", None),
        (hang_up, "unreachable", None),
        (answer(500, b"x" * 5_000_000), "refused", 500),
    ],
)
async def test_every_way_to_fail(receiver: Receiver, plan: Plan, kind: str, status: int | None) -> None:
    receiver.then(plan)
    slow = kind == "timeout"
    outcome = await send(receiver.url, **({"timeout_s": SHORT_S} if slow else {}))
    assert (outcome.kind, outcome.status) == (kind, status)
    assert outcome.error
    assert len(receiver.got) == 1  # nothing is followed, nothing is tried twice


async def test_an_answer_without_end_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.then(endless)
    outcome = await asyncio.wait_for(send(receiver.url), 10)
    assert outcome.kind == "delivered"


async def test_a_connection_is_used_again_and_one_that_was_closed_meanwhile_is_not_missed(receiver: Receiver) -> None:
    async with sending() as sender:
        for plan in (answer(200, b"thanks"), answer(200, b"thanks"), hang_up, answer(200)):
            receiver.then(plan)
            outcome = await sender.send(receiver.url, {}, b"{}")
            assert outcome.delivered == (plan is not hang_up)


async def test_retry_after_in_seconds_and_as_a_time(receiver: Receiver) -> None:
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    for written, low, high in (("120", 120, 120), (in_an_hour, 3500, 3600), ("soon", None, None), ("-5", None, None)):
        receiver.then(answer(503, Retry_After=written))
        outcome = await send(receiver.url)
        assert outcome.kind == "busy"
        assert (outcome.retry_after is None) == (low is None)
        if low is not None and high is not None:
            assert outcome.retry_after is not None
            assert low <= outcome.retry_after <= high


async def test_nobody_listens() -> None:
    with receiving() as gone:
        url = gone.url
    assert (await send(url)).kind == "unreachable"


async def test_nothing_is_sent_inside_unless_allowed(receiver: Receiver) -> None:
    for url in (receiver.url, f"http://localhost:{receiver.port}/", f"http://127.1:{receiver.port}/"):
        assert (await send(url, allow_private=False)).kind == "forbidden"
    assert (await send(receiver.url, allow_http=False)).kind == "forbidden"
    assert receiver.got == []


async def test_a_name_that_means_another_address_at_each_look(receiver: Receiver) -> None:
    """DNS rebinding: public when it is registered, this machine when it is sent to."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    looked: list[str] = []

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        looked.append(host)
        return answers[len(looked) - 1]

    async with sending(allow_private=False, resolve_host=rebinding) as sender:
        url = f"http://rebound.example:{receiver.port}/hook"
        assert await sender.check(url) == url
        assert (await sender.send(url, {}, b"{}")).kind == "forbidden"
    assert looked == ["rebound.example", "rebound.example"]  # looked up once for a connection, which goes there
    assert receiver.got == []


async def test_the_checked_address_is_the_one_that_is_connected_to() -> None:
    """The name resolves nowhere but here: who looked it up again would not get through. A dead address is passed by."""

    async def found(host: str, _port: int) -> Sequence[str]:
        assert host == "shop.invalid"
        return ["127.0.0.2", "127.0.0.1"]

    with receiving() as here:
        outcome = await send(f"http://shop.invalid:{here.port}/hook", resolve_host=found)
        assert outcome.delivered
        assert here.got[0].headers["host"] == f"shop.invalid:{here.port}"


async def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await send(receiver.url)).delivered
        assert proxy.got == []


def certificate(folder: Path, name: str, *, days: int = 1) -> Path:
    """A certificate for a name, signed by itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}-{days}.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(built.public_bytes(Encoding.PEM) + secret)
    return path


async def test_tls_is_checked_by_name_date_and_authority(tmp_path: Path) -> None:
    async def here(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    good, other, old = (
        certificate(tmp_path, "shop.example"),
        certificate(tmp_path, "other.example"),
        certificate(tmp_path, "shop.example", days=-1),
    )
    for file, trusted, kind in (
        (good, True, "delivered"),
        (good, False, "tls"),
        (other, True, "tls"),
        (old, True, "tls"),
    ):
        with receiving(file) as receiver:
            url = f"https://shop.example:{receiver.port}/hook"
            outcome = await send(url, resolve_host=here, allow_http=False, ca_file=file if trusted else None)
            assert outcome.kind == kind, outcome
            assert len(receiver.got) == (kind == "delivered")


async def test_tls_to_who_does_not_speak_it(receiver: Receiver) -> None:
    outcome = await send(receiver.url.replace("http://", "https://"), timeout_s=SHORT_S * 4)
    assert outcome.kind in {"tls", "timeout", "unreachable"}
    assert receiver.got == []

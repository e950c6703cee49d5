"""Signatures, by the example of the specification and by the library that receivers use."""

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.webhooks.signing import check_secret, new_secret, signed_headers

SENT = datetime.fromtimestamp(1614265330, UTC)


def test_the_signature_of_the_specifications_example() -> None:
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", SENT, b'{"test": 2432232314}', ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_with_two_secrets_each_verifies_and_a_third_does_not() -> None:
    old, new = new_secret(), new_secret()
    body = '{"name": "Zoë"}'.encode()
    headers = signed_headers("msg_1", datetime.now(UTC), body, [new, old])
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers) == {"name": "Zoë"}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body + b" ", headers)


def test_secrets_have_the_lengths_of_the_specification() -> None:
    assert len({new_secret() for _ in range(50)}) == 50
    for secret in (new_secret(), *("whsec_" + base64.b64encode(bytes(length)).decode() for length in (24, 64))):
        check_secret(secret)
    short, long = (base64.b64encode(bytes(length)).decode() for length in (23, 65))
    for wrong in (f"whsec_{short}", f"whsec_{long}", "whsec_" + "*" * 40, new_secret()[6:], ""):
        with pytest.raises(ValueError, match="24 to 64 random bytes"):
            check_secret(wrong)

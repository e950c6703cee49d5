"""Where messages may be sent."""

from collections.abc import Sequence

import pytest

from service.deliveries.addresses import AddressError, allowed_addresses, is_public, read_url, resolve

pytestmark = pytest.mark.anyio

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
CLOSED = """
    127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1
    100.100.100.200 0.0.0.0 0.1.2.3 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1
    168.63.129.16 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fc00::1
    fd00:ec2::254 fec0::1 ff02::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1
    64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2001:0:1::1 100::1 127.1 0x7f000001 nonsense
"""


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED.split())
def test_addresses_that_lead_back_inside(address: str) -> None:
    assert not is_public(address)


async def names(*addresses: str) -> Sequence[str]:
    async def found(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return await allowed_addresses("shop.example", 443, allow_private=False, resolve_host=found)


async def test_one_closed_address_closes_the_name() -> None:
    assert await names("93.184.216.34", "8.8.8.8") == ("93.184.216.34", "8.8.8.8")
    with pytest.raises(AddressError, match="not public") as refused:
        await names("93.184.216.34", "10.1.2.3")
    assert "10.1.2.3" not in str(refused.value)  # what a name means inside is nobody's business
    with pytest.raises(AddressError, match="does not resolve"):
        await names()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "::1"])
async def test_every_way_to_write_this_machine_is_refused(host: str) -> None:
    with pytest.raises(AddressError):
        await allowed_addresses(host, 80, allow_private=False)
    if host in {"127.0.0.1", "127.1", "2130706433"}:  # the system does read these so
        assert await resolve(host, 80) == ["127.0.0.1"]
        assert await allowed_addresses(host, 80, allow_private=True) == ["127.0.0.1"]


async def test_a_name_that_nobody_has() -> None:
    with pytest.raises(AddressError, match="does not resolve"):
        await allowed_addresses("nobody.invalid", 443, allow_private=True)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("http://shop.example/hook", "https://"),
        ("ftp://shop.example/hook", "https://"),
        ("file:///etc/passwd", "https://"),
        ("shop.example/hook", "https://"),
        ("https://", "https://"),
        ("https://user:secret@shop.example/hook", "user or a password"),
        ("https://user@shop.example/hook", "user or a password"),
        ("https://shop.example/hook#part", "fragment"),
        ("https://shop.example:99999/hook", "port"),
        ("https://shop.example:0/hook", "port"),
        ("https://[::1/hook", "not an address"),
        ("https://shop.example/\r\nX-Header: a", "printable"),
        ("https://shop.example/" + "a" * 2000, "printable"),
        ("", "https://"),
    ],
)
def test_what_is_no_address_of_a_receiver(written: str, told: str) -> None:
    with pytest.raises(AddressError, match=told) as refused:
        read_url(written, allow_http=False)
    assert "secret" not in str(refused.value)


def test_addresses_as_they_are_kept() -> None:
    assert str(read_url("https://Shop.Example:8443/hook?a=b", allow_http=False)) == "https://shop.example:8443/hook?a=b"
    assert read_url("https://bücher.example/", allow_http=False).raw_host == b"xn--bcher-kva.example"
    assert read_url("http://shop.example/", allow_http=True).scheme == "http"

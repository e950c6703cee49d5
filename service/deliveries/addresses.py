"""Where messages may be sent: nowhere inside the network of the service, unless that is allowed.

Whoever may register a webhook chooses where this machine connects to. Without these checks that would reach what is
closed to them: databases, the cloud's metadata, other services (server-side request forgery). A name is checked by the
addresses that it has at each connection, since it may have other ones by then (DNS rebinding).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

import httpx

MAX_URL_CHARACTERS = 2000
RESOLVE_S = 5.0
"""How long the name of a receiver may take to resolve."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as text, for a port. Raises OSError where it has none."""

_METADATA = frozenset(map(ipaddress.ip_address, ("168.63.129.16",)))
"""Of clouds, at addresses that are public else. The others' are link-local, private or shared."""
_RELAYS = tuple(map(ipaddress.ip_network, ("192.88.99.0/24", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""Tunnels and translators, which lead to an address that is not seen here."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses by NAT64, in the last 32 bits."""


class AddressError(Exception):
    """Nothing may be sent there; the message says why, and never repeats what a name resolved to."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, by the system.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's, and no way back into the service's own network.

    Example:
        >>> [is_public(a) for a in ("93.184.216.34", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254")]
        [True, False, False, False]
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return False
        if parsed in _TRANSLATED:
            parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        elif parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        elif parsed.is_site_local:
            return False
    if parsed in _METADATA or any(parsed.version == relay.version and parsed in relay for relay in _RELAYS):
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified)


def read_url(written: str, *, allow_http: bool) -> httpx.URL:
    """The address of a receiver, as it is kept.

    Raises:
        AddressError: it is none, or not one that may be used; the message is for who wrote it.
    """
    if len(written) > MAX_URL_CHARACTERS or not written.isprintable():
        raise AddressError(f"must be an address of at most {MAX_URL_CHARACTERS} printable characters")
    try:
        url = httpx.URL(written)
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressError("is not an address; write it as https://shop.example/hooks") from error
    if url.scheme not in {"https", "http"} or not url.host:
        raise AddressError("must begin with https:// and a host")
    if url.scheme == "http" and not allow_http:
        raise AddressError(
            "must begin with https://; the service's operator can allow http (SWERVE_WEBHOOKS_ALLOW_HTTP)"
        )
    if url.port is not None and not 0 < url.port < 65536:
        raise AddressError("must have a port from 1 to 65535, or none")
    if url.userinfo:
        raise AddressError("must not hold a user or a password: messages are signed instead")
    if url.fragment:
        raise AddressError("must not have a fragment (#...), which is never sent")
    return url


async def allowed_addresses(
    host: str, port: int, *, allow_private: bool, resolve_host: Resolve = resolve
) -> Sequence[str]:
    """The addresses of a host, where a message may be sent to every one of them.

    Raises:
        AddressError: it has none, or one of them is not public.
    """
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await resolve_host(host, port)
    except (OSError, UnicodeError, TimeoutError):
        found = ()
    if not found:
        raise AddressError("names a host that does not resolve to an address")
    # All of them, not any: else a name with a public and a private address would be private half of the time.
    if not allow_private and not all(is_public(address) for address in found):
        raise AddressError(
            "leads to an address that is not public; the service's operator can allow private ones "
            "(SWERVE_WEBHOOKS_ALLOW_PRIVATE)"
        )
    return found

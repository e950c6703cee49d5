"""What counts as this machine, for a service that has no keys yet."""

import ipaddress
import re
import socket

from starlette.datastructures import Headers

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers of proxies: behind one, everybody seems to be on this machine."""

_HOST = re.compile(r"(\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(:[0-9]{1,5})?")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return bool(host) and _resolves_to_loopback(host)


def is_local(headers: Headers) -> bool:
    """Whether a request to a loopback address was made by a program on this machine for it.

    A web page can have its own name resolve to 127.0.0.1 and then read what the browser gets there (DNS rebinding);
    its requests still carry that name as their Host.
    """
    hosts = headers.getlist("host")
    return len(hosts) == 1 and _names_loopback(hosts[0]) and not any(name in headers for name in FORWARDED)


def _names_loopback(host: str) -> bool:
    written = _HOST.fullmatch(host)
    if written is None:
        return False
    name = written["v6"] or written["name"]
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.lower() == "localhost"


def _resolves_to_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)

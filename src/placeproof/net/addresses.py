"""Which addresses may be fetched: http and https, on the public internet.

An address may come from a user, a post or a redirect, and must not lead into the network that
placeproof runs in. So every address that a host's name resolves to is checked, and the
connection goes to an address that was checked: a second look-up could answer differently.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from placeproof.errors import ForbiddenAddressError

Resolver = Callable[[str, int], list[str]]

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
# Not of the internet, and taken for it by Python's tables, or by those of its older versions.
_SPECIAL_IPV4 = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure's, to what each machine runs on
)
_SPECIAL_IPV6 = (
    ipaddress.IPv6Network("2001::/23"),
    ipaddress.IPv6Network("2002::/16"),  # 6to4
    ipaddress.IPv6Network("3fff::/20"),
)
_LOCAL_NAMES = re.compile(r"(?:.*\.)?(?:localhost|local|internal|localdomain)", re.IGNORECASE)


def host_of(url: str) -> str:
    """The host of a web address, in lower case."""
    return (parse_url(url).host or "").lower()


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, as the system finds them, in the order to try them.

    Raises:
        socket.gaierror: If it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a part of the name that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Whether a numeric IPv4 or IPv6 address is one of the public internet.

    IPv4 addresses inside IPv6 ones (mapped, NAT64) are judged as what they lead to. 6to4 and
    Teredo, which also hold one, are gone from the internet and are not public here.
    """
    return _public(ipaddress.ip_address(address))


def _public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        special = any(address in network for network in _SPECIAL_IPV4)
        return address.is_global and not address.is_multicast and not special
    if address.ipv4_mapped is not None:
        return _public(address.ipv4_mapped)
    if address in _NAT64:
        return _public(IPv4Address(int(address) & 0xFFFFFFFF))
    special = any(address in network for network in _SPECIAL_IPV6)
    return address in _GLOBAL_UNICAST and address.is_global and not special


def require_web_address(url: str) -> Url:
    """The parts of an http or https address with a host.

    Raises:
        ForbiddenAddressError: If it is another kind of address, or holds a user's name.
    """
    try:
        parts = parse_url(url)
    except LocationParseError:
        parts = Url()
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ForbiddenAddressError("only web addresses, http://… and https://…, are fetched")
    if parts.auth is not None:
        raise ForbiddenAddressError(
            f"an address on {parts.host} holds a user's name or password; remove what is before @"
        )
    return parts


def require_public(url: str) -> Url:
    """The parts of a web address that does not name a private or local host.

    Judges what stands in the address, in any notation (``127.1``, ``0x7f000001``,
    ``[::ffff:10.0.0.1]``, ``localhost``); looks up no name: :func:`public_addresses` does.

    Raises:
        ForbiddenAddressError: If it does, or is no web address.
    """
    parts = require_web_address(url)
    host = (parts.host or "").strip("[]").rstrip(".")
    number = _number(host)
    if _LOCAL_NAMES.fullmatch(host) or (number is not None and not _public(number)):
        raise _forbidden(host)
    return parts


def public_addresses(host: str, port: int, look_up: Resolver = resolve) -> list[str]:
    """All addresses of a host, each of them checked; connect to these and not to the name.

    Raises:
        socket.gaierror: If it has none.
        ForbiddenAddressError: If any of them is not public.
    """
    addresses = look_up(host, port)
    if not all(is_public(address) for address in addresses):
        raise _forbidden(host)
    return addresses


def _number(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, in every notation that systems accept; None for a name."""
    try:
        return ipaddress.ip_address(host.replace("%25", "%"))
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9a-fx.]+", host, re.IGNORECASE):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))  # decimal, octal, hexadecimal; 1 to 4 parts
    except OSError:
        return None


def _forbidden(host: str) -> ForbiddenAddressError:
    return ForbiddenAddressError(
        f"{host[:100]} is in a private or local network, from which nothing is fetched"
    )

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeproof.errors import ForbiddenAddressError
from placeproof.net.addresses import is_public, public_addresses, require_public, resolve

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::6810:1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # metadata of cloud machines
    "168.63.129.16",  # the same of Azure, in public space
    "100.64.0.1",  # shared by a provider's customers
    "100.100.100.200",
    "192.0.0.8",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.5",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "2002:7f00:1::",  # 6to4
    "2001:0:7f00:1::",  # Teredo
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "3fff::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)
    assert public_addresses("h.example", 80, lambda _host, _port: [address]) == [address]


@pytest.mark.parametrize("address", PRIVATE)
def test_every_other_address_is_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_names_a_private_host_is_refused(address: str) -> None:
    host = f"[{address.replace('%', '%25')}]" if ":" in address else address
    with pytest.raises(ForbiddenAddressError, match="private or local network"):
        require_public(f"http://{host}:8080/path")


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_ipv6_one_is_judged_as_itself(
    address: ipaddress.IPv4Address,
) -> None:
    public = is_public(str(address))
    assert is_public(f"::ffff:{address}") == public
    assert is_public(str(ipaddress.IPv6Address((0x64FF9B << 96) | int(address)))) == public


@given(
    st.one_of(
        st.ip_addresses(network=network)
        for network in ("127.0.0.0/8", "10.0.0.0/8", "192.168.0.0/16", "169.254.0.0/16")
    ),
    st.sampled_from(
        ["{n}", "{n:#x}", "0{n:o}", "{a}.{bcd}", "{a:#x}.{b}.{cd}", "0{a:o}.{b}.{c}.{d}"]
    ),
)
def test_no_notation_hides_a_private_address(address: ipaddress.IPv4Address, notation: str) -> None:
    n = int(address)
    a, b, c, d = address.packed
    host = notation.format(n=n, a=a, b=b, c=c, d=d, bcd=n & 0xFFFFFF, cd=n & 0xFFFF)
    with pytest.raises(ForbiddenAddressError):
        require_public(f"http://{host}/")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
    ],
)
def test_names_of_this_machine_and_its_network_are_refused(host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        require_public(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://h.example/",
        "gopher://h.example/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "//h.example/",
        "h.example/path",
        "http://",
        "https:///path",
        "http://[::1",
        "http://h.example:99999/",
        "",
    ],
)
def test_only_web_addresses_are_fetched(url: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="only web addresses"):
        require_public(url)


def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(ForbiddenAddressError, match="password") as caught:
        require_public("https://me:hunter2@h.example/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://h.example", "HTTP://H.example:8080/a?b#c", "http://8.8.8.8/"]
)
def test_other_web_addresses_are_allowed(url: str) -> None:
    assert require_public(url).host in ("h.example", "8.8.8.8")


def test_a_host_with_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(ForbiddenAddressError, match=r"h\.example"):
        public_addresses("h.example", 80, lambda _host, _port: ["8.8.8.8", "::1"])


def test_the_system_understands_the_notations_that_are_refused() -> None:
    assert resolve("127.0.0.1", 80) == ["127.0.0.1"]
    with pytest.raises(ForbiddenAddressError):
        public_addresses("2130706433", 80)


@pytest.mark.parametrize("host", ["a..example", "a" * 70 + ".example"])
def test_what_cannot_be_a_name_has_no_address(host: str) -> None:
    with pytest.raises(socket.gaierror):
        resolve(host, 80)

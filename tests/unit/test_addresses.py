import socket
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import RefusedAddressError
from worker.fetching.addresses import AddressRules, Endpoint, embedded_ipv4, is_public

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "151.101.1.69",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "2a00:1450:4001:81b::200e",
    "2003::1",
)

REFUSED = (
    # this host, this network
    "0.0.0.0",
    "0.0.0.1",
    "0.255.255.255",
    "::",
    # loopback
    "127.0.0.0",
    "127.0.0.1",
    "127.0.0.2",
    "127.1.2.3",
    "127.255.255.255",
    "::1",
    # private
    "10.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.168.0.0",
    "192.168.1.1",
    "192.168.255.255",
    "fc00::1",
    "fd00::1",
    "fdff:ffff::1",
    # carrier-grade NAT
    "100.64.0.0",
    "100.64.0.1",
    "100.127.255.255",
    # link-local
    "169.254.0.0",
    "169.254.0.1",
    "169.254.255.255",
    "fe80::1",
    "fe80::1%lo",
    "febf::1",
    "fec0::1",
    # metadata services
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    # protocol assignments, documentation, benchmarks
    "192.0.0.0",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "100::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "2620:4f:8000::1",
    # multicast, reserved, broadcast
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.254",
    "255.255.255.255",
    "ff02::1",
    "ff0e::1",
    # IPv4 in IPv6: compatible, mapped, translated, NAT64, 6to4, Teredo
    "::2",
    "::7f00:1",
    "::808:808",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::8.8.8.8",
    "64:ff9b:1:ffff::1",
    "2002:7f00:1::",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:0:7f00:1::1",
    # beyond global unicast
    "1::1",
    "4000::1",
    "8000::1",
    "e000::1",
)

SPECIAL_IPV4 = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
]


def rules(
    *allow: str, endpoints: tuple[Endpoint, ...] = (), names: dict[str, list[str]] | None = None
) -> AddressRules:
    return AddressRules(
        [ip_network(text) for text in allow],
        refused_endpoints=lambda: endpoints,
        resolve=lambda host: (names or {}).get(host, []),
    )


def is_refused(checked: AddressRules, address: str, port: int = 80) -> bool:
    try:
        checked.check(address, port)
    except RefusedAddressError:
        return True
    return False


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_asked(address):
    rules().check(address, 443)


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_globally_routable_is_refused(address):
    with pytest.raises(RefusedAddressError):
        rules().check(address, 443)


@given(st.ip_addresses())
def test_no_address_is_public_that_python_calls_local(address):
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not is_public(address)


@given(
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.sampled_from(["::ffff:{}", "64:ff9b::{}", "::{}", "::ffff:0:{}"]),
)
def test_an_ipv4_address_is_found_in_ipv6_and_refused_there(inner, form):
    outer = ip_address(form.format(inner))

    assert not is_public(outer)
    if int(inner) > 1:
        assert embedded_ipv4(outer) == inner


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_no_local_ipv4_address_passes_in_any_notation_of_c(inner):
    number, octets = int(inner), inner.packed
    spellings = [
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(hex(octet) for octet in octets),
        ".".join(f"0{octet:o}" for octet in octets),
        f"{octets[0]}.{number & 0xFFFFFF}",
        f"{octets[0]}.{octets[1]}.{number & 0xFFFF}",
    ]
    is_local = any(inner in network for network in SPECIAL_IPV4)

    for spelling in spellings:
        # What the resolver of this machine makes of it, without asking a name server.
        meant = socket.getaddrinfo(spelling, 80, type=socket.SOCK_STREAM)[0][4][0]
        assert is_refused(rules(), str(meant)) or not is_local


@given(st.text())
def test_what_is_no_address_is_refused(text):
    try:
        ip_address(text)
    except ValueError:
        assert is_refused(rules(), text)


@pytest.mark.parametrize(
    ("network", "address", "is_open"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("10.0.0.0/8", "192.168.1.1", False),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "fd00:ec2::254", False),
        ("fd00:ec2::254/128", "fd00:ec2::254", True),
        ("0.0.0.0/0", "127.0.0.1", True),
        ("0.0.0.0/0", "169.254.169.254", False),
        ("0.0.0.0/0", "168.63.129.16", False),
        ("169.254.169.254/32", "169.254.169.254", True),
        ("10.0.0.0/8", "::ffff:10.0.0.1", False),
        ("64:ff9b::/96", "64:ff9b::8.8.8.8", True),
        ("64:ff9b::/96", "64:ff9b::10.0.0.1", False),
        ("::/0", "::ffff:169.254.169.254", False),
    ],
)
def test_a_network_is_opened_with_its_own_addresses_only(network, address, is_open):
    assert is_refused(rules(network), address) is not is_open


@pytest.mark.parametrize(
    ("address", "port", "refused"),
    [
        ("10.0.0.5", 6379, True),
        ("10.0.0.5", 80, False),
        ("10.0.0.6", 6379, False),
        ("10.0.0.7", 6379, True),
    ],
)
def test_the_services_own_servers_are_refused_in_an_open_network(address, port, refused):
    names = {"redis.internal": ["10.0.0.5", "10.0.0.7"]}

    checked = rules("10.0.0.0/8", endpoints=(Endpoint("redis.internal", 6379),), names=names)

    assert is_refused(checked, address, port) is refused


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "0.0.0.0"])
def test_a_server_on_this_machine_is_refused_by_every_address_of_it(address):
    checked = rules("0.0.0.0/0", endpoints=(Endpoint("localhost", 6379),), names={"localhost": ["127.0.0.1"]})

    assert is_refused(checked, address, 6379)
    assert not is_refused(checked, address, 8080)

"""Which addresses may be asked: an IP address and a port in, a refusal or nothing out.

The check takes the address that a socket is about to connect to, never a spelling of it, so that no name, no other
notation of a number and no second answer of a name server gets around it.
"""

import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from worker.errors import RefusedAddressError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REFUSED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; the metadata services of most clouds at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
"""IANA's special-purpose registry; `ipaddress.is_global` differs between the patch releases of Python."""

PUBLIC_IPV6 = IPv6Network("2000::/3")
"""Global unicast: everything else is refused, mapped and translated IPv4 (::ffff:0:0/96, 64:ff9b::/96) among it."""

REFUSED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo (2001::/32), ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address embedded
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

METADATA = frozenset(
    ip_address(address)
    for address in (
        "100.100.100.200",
        "168.63.129.16",  # Azure: globally routable
        "169.254.169.254",
        "169.254.170.2",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)
"""Metadata services of clouds: opened by their own address only, not by a network around it."""


@dataclass(frozen=True)
class Endpoint:
    """A server of the service itself, which no image may name."""

    host: str
    port: int


def no_endpoints() -> Collection[Endpoint]:
    """Give none: for whoever has no servers of their own."""
    return ()


class AddressRules:
    """Decides which addresses are asked: public ones and those in `allow_networks`, never `refused_endpoints`.

    These are asked for each time, since they come and go.
    """

    def __init__(
        self,
        allow_networks: Sequence[Network],
        *,
        refused_endpoints: Callable[[], Collection[Endpoint]] = no_endpoints,
        resolve: Callable[[str], Sequence[str]],
    ) -> None:
        self._allow_networks = tuple(allow_networks)
        self._refused_endpoints = refused_endpoints
        self._resolve = resolve

    def check(self, address: str, port: int) -> None:
        """Raise RefusedAddressError where `address` must not be asked on `port`."""
        try:
            ip = ip_address(address)
        except ValueError:
            raise RefusedAddressError(f"address {address!r} cannot be read") from None
        if not self._is_open(ip):
            raise RefusedAddressError(
                f"address {ip} is not public; LOOKALIKE_ALLOW_NETWORKS can allow its network"
            )
        if any(
            self._is_endpoint(ip, endpoint) for endpoint in self._refused_endpoints() if endpoint.port == port
        ):
            raise RefusedAddressError(f"address {ip} port {port} is a server of this service")

    def _is_open(self, ip: Address) -> bool:
        named = [
            network for network in self._allow_networks if network.version == ip.version and ip in network
        ]
        if ip in METADATA:
            return any(network.prefixlen == network.max_prefixlen for network in named)
        inner = embedded_ipv4(ip)
        if inner is not None and inner != ip:
            return bool(named) and self._is_open(inner)
        return bool(named) or is_public(ip)

    def _is_endpoint(self, ip: Address, endpoint: Endpoint) -> bool:
        own = [ip_address(address) for address in self._resolve(endpoint.host)]
        return ip in own or (any(map(_is_of_this_machine, own)) and _is_of_this_machine(ip))


def is_public(ip: Address) -> bool:
    """Tell whether `ip` is globally routable and nothing that a cloud keeps for itself."""
    if ip in METADATA:
        return False
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in REFUSED_IPV4)
    return ip.scope_id is None and ip in PUBLIC_IPV6 and not any(ip in network for network in REFUSED_IPV6)


def embedded_ipv4(ip: Address) -> IPv4Address | None:
    """Give the IPv4 address inside a mapped, compatible, NAT64, 6to4 or Teredo address; None where there is none."""
    if isinstance(ip, IPv4Address):
        return None
    number = int(ip)
    if number >> 32 in (0, 0xFFFF, 0x0064FF9B << 64, 0xFFFF << 16) and number > 1:
        return IPv4Address(number & 0xFFFFFFFF)
    if ip.teredo is not None:
        return ip.teredo[1]
    return ip.sixtofour


def _is_of_this_machine(ip: Address) -> bool:
    """Tell whether `ip` is an address of this machine: only such can be bound to."""
    if ip.is_loopback or ip.is_unspecified:
        return True
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6  # noqa: PLR2004  # the version is its own name
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True

"""Where a request comes from and by what scheme, when proxies may stand between."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from asgi_app.values import Network

Address = IPv4Address | IPv6Address


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The address that requests are counted by.

    `X-Forwarded-For` counts only as far as trusted proxies wrote it: from the right,
    the first address that is not one of them. An IPv6 address stands for its /64,
    which is what one customer gets.
    """
    address = _parsed(peer)
    if address is None:
        return peer
    for entry in reversed(forwarded_for.split(",")):
        if not any(address in network for network in trusted):
            break
        before = _parsed(entry)
        if before is None:
            break
        address = before
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), 64), strict=False))
    return str(address)


def client_scheme(
    peer: str, scheme: str, forwarded_proto: str, trusted: Sequence[Network]
) -> str:
    """Whether it came by http or https; `X-Forwarded-Proto` counts from a proxy alone.

    Of several values the last one is what the proxy before us has written.
    """
    address = _parsed(peer)
    told = forwarded_proto.rpartition(",")[2].strip().lower()
    if address is None or told not in {"http", "https"}:
        return scheme
    return told if any(address in network for network in trusted) else scheme


def _parsed(text: str) -> Address | None:
    """Reads `1.2.3.4`, `1.2.3.4:567`, `::1` and `[::1]:567`, as proxies write them."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address

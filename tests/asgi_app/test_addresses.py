from __future__ import annotations

from ipaddress import ip_network

import pytest

from asgi_app.addresses import client_address, client_scheme

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        # Somebody who is no proxy says what he likes.
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "", "10.0.0.2"),
        # What the client wrote stands to the left of what the proxy saw.
        ("10.0.0.2", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "1.1.1.1,198.51.100.1 , 10.0.0.3", "198.51.100.1"),
        ("10.0.0.2", "10.0.0.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "10.0.0.4, 10.0.0.3", "10.0.0.4"),
        ("10.0.0.2", "1.1.1.1, unknown", "10.0.0.2"),
        ("10.0.0.2", "1.1.1.1, , 10.0.0.3", "10.0.0.3"),
        ("10.0.0.2", "198.51.100.1:4711", "198.51.100.1"),
        ("::ffff:10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "1.1.1.1", "2001:db8:1:2::/64"),
        ("::1", "1.1.1.1", "::/64"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("", "1.1.1.1", ""),
        ("unix:", "1.1.1.1", "unix:"),
    ],
)
def test_only_trusted_proxies_are_believed(
    peer: str, forwarded_for: str, address: str
) -> None:
    assert client_address(peer, forwarded_for, TRUSTED) == address


def test_without_trusted_proxies_the_header_is_nothing() -> None:
    assert client_address("10.0.0.2", "198.51.100.1", []) == "10.0.0.2"


@pytest.mark.parametrize(
    ("peer", "forwarded_proto", "scheme"),
    [
        ("10.0.0.2", "https", "https"),
        ("10.0.0.2", "HTTPS ", "https"),
        ("10.0.0.2", "http", "http"),
        ("10.0.0.2", "", "http"),
        ("10.0.0.2", "wss", "http"),
        # What the client wrote stands to the left of what the proxy saw.
        ("10.0.0.2", "https, http", "http"),
        ("10.0.0.2", "http,https", "https"),
        # Somebody who is no proxy says what he likes.
        ("203.0.113.5", "https", "http"),
        ("", "https", "http"),
    ],
)
def test_only_trusted_proxies_say_by_what_scheme_it_came(
    peer: str, forwarded_proto: str, scheme: str
) -> None:
    assert client_scheme(peer, "http", forwarded_proto, TRUSTED) == scheme
    assert client_scheme(peer, "http", forwarded_proto, []) == "http"

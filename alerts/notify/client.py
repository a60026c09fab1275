"""The HTTP client that notifiers share, and the way to a target that cannot be turned inwards.

A webhook's address comes from a configuration, and the host's name from a name server that somebody else may run. So
the name is resolved once, every address it has is checked, and the connection goes to a checked address itself: a
name server that answers otherwise a moment later (DNS rebinding) changes nothing. The Host header and the name
in the TLS handshake stay those of the URL, so certificates are checked against the name.
"""

import ipaddress
import logging
import socket
import ssl
from collections.abc import Callable, Collection, Mapping

import httpx

from records.errors import DeliveryError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
"""Host name and port to the addresses behind it; raises OSError where there are none."""

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0

FAILURES: Mapping[type[httpx.HTTPError], str] = {
    httpx.ConnectTimeout: "no connection in time",
    httpx.ConnectError: "no connection: refused, unreachable, or its certificate does not hold",
    httpx.TimeoutException: "no answer in time",
    httpx.RemoteProtocolError: "the answer is not HTTP, or the connection closed before it",
    httpx.HTTPError: "the connection broke",
}
"""httpx's errors in our words, the narrow ones first; httpx's own text could repeat an address with a secret in it."""

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# httpx writes whole URLs to its log, and a webhook's path is often its secret.
for _logger in ("httpx", "httpcore"):
    logging.getLogger(_logger).setLevel(logging.WARNING)


def open_client(
    connect_seconds: float = CONNECT_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
    verify: ssl.SSLContext | bool = True,
) -> httpx.Client:
    """A client for notifiers: no redirects, no proxy from the environment (it would choose the target's address)."""
    timeout = httpx.Timeout(answer_seconds, connect=connect_seconds)
    return httpx.Client(timeout=timeout, verify=verify, follow_redirects=False, trust_env=False)


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses of a host as the system knows them, in its order, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def is_public(address: str) -> bool:
    """Whether an address is on the public internet: not private, loopback, link-local, shared, reserved or multicast.

    An IPv4 address that is wrapped in an IPv6 one (mapped, 6to4, Teredo, NAT64) is judged as itself.
    """
    ip: Address = ipaddress.ip_address(address.split("%")[0])
    inner: list[Address] = [ip]
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in NAT64:
            wrapped.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        inner = [each for each in wrapped if each is not None] or [ip]
    return all(each.is_global and not each.is_multicast for each in inner)


def checked_addresses(host: str, port: int, allow_private: Collection[str], resolve: Resolve) -> list[str]:
    """The addresses of a host; DeliveryError where it has none, or any that is not public and the name is not allowed."""
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError):
        raise DeliveryError(f"{host}: the name has no address; check the receiver's url") from None
    if not addresses:
        raise DeliveryError(f"{host}: the name has no address; check the receiver's url")
    allowed = {name.lower().rstrip(".") for name in allow_private}
    if host.lower().rstrip(".") not in allowed and not all(is_public(address) for address in addresses):
        raise DeliveryError(f"{host}: not a public address; name the host in the receiver's allow_private to permit it")
    return addresses


def post(
    client: httpx.Client, url: httpx.URL, addresses: Collection[str], headers: Mapping[str, str], body: bytes
) -> httpx.Response:
    """The head of the answer to a POST sent to the first of the addresses that takes the connection; its body is not read.

    Raises DeliveryError in our words where there is no answer.
    """
    failure = httpx.HTTPError("")
    for address in addresses:
        request = client.build_request(
            "POST",
            url.copy_with(host=address),
            headers={**headers, "Host": url.netloc.decode("ascii")},
            content=body,
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        try:
            response = client.send(request, stream=True, follow_redirects=False)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            failure = error
            continue
        except httpx.HTTPError as error:
            failure = error
            break
        response.close()
        return response
    words = next(text for kind, text in FAILURES.items() if isinstance(failure, kind))
    raise DeliveryError(f"{url.host}: {words}") from None

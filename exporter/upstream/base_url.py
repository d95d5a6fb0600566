"""Where the key may be sent. Pure."""

import ipaddress
from typing import Final

import httpx

DEFAULT_BASE_URL: Final = "https://api.onkernel.com"


def checked_base_url(base_url: str, *, allow_insecure: bool = False) -> httpx.URL:
    """The base URL, if the key may be sent there.

    Raises:
        ValueError: it is no URL, carries more than an origin and a path, or would send the key
            unencrypted to another machine; the text names the mend.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"the base URL has to look like {DEFAULT_BASE_URL}")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("the base URL must not carry a user, a query or a fragment")
    if url.scheme == "http" and not is_loopback(url.host) and not allow_insecure:
        raise ValueError(
            f"the base URL would send the key to {url.host} unencrypted: "
            "use https://, or allow it with --kernel.allow-insecure"
        )
    return url


def is_loopback(host: str) -> bool:
    """Whether the host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")

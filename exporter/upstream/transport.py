"""One connection a stream, and no pool: what thousands of streams in one process cost is linear.

httpcore's pool looks at every connection it holds for each request and each close, so a shared pool
of N open streams costs N squared. Here every request has an ``httpcore.AsyncHTTPConnection`` of its
own that is closed with its response; they share one SSLContext.
"""

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from exporter.upstream.base_url import is_loopback

_ERRORS: Final[dict[type, type[httpx.TransportError]]] = {
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.TimeoutException: httpx.TimeoutException,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.ProtocolError: httpx.ProtocolError,
}
"""httpcore's errors by httpx's names, as in httpx's own transport."""

_CUT: Final = ("peer closed connection", "Server disconnected")
"""How h11 and httpcore word the end of a connection in mid-response. They raise the same type as
for a peer that does not speak HTTP, but one is the network's fault and the other the peer's."""

Close = Callable[[], Awaitable[None]]


def proxy_for(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment names for this URL (``HTTPS_PROXY``, ``NO_PROXY`` ...).

    None for this machine itself: nothing in between may see what plain http was allowed for.

    Raises:
        ValueError: the proxy is not one that HTTP can go through; says which variable to mend.
    """
    if is_loopback(url.host):
        return None
    proxies = getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address or proxy_bypass(url.netloc.decode("ascii")):
        return None
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or proxy.url.scheme not in {"http", "https"} or not proxy.url.host:
        name = f"{url.scheme.upper()}_PROXY or ALL_PROXY"
        raise ValueError(f"the proxy in {name} has to be an http:// or https:// URL")
    return proxy


class StreamTransport(httpx.AsyncBaseTransport):
    """Opens a connection for each request and closes it with the response.

    Raises what an httpx transport raises; a connection that ends in mid-response is a
    ``httpx.ReadError``.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext | None = None, *, proxy: httpx.Proxy | None = None
    ) -> None:
        self._ssl_context = ssl_context or httpx.create_ssl_context()
        self._proxy = proxy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; the response's body is a stream that wants closing."""
        try:
            if self._proxy is not None:
                return await self._through_proxy(request, self._proxy)
            return await self._direct(request)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise _translated(error) from error
        except httpx.RemoteProtocolError as error:
            raise _translated(error) from error

    async def _direct(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101 - narrows httpx's union
        url = request.url
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        connection = httpcore.AsyncHTTPConnection(target.origin, self._ssl_context)
        try:
            response = await connection.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=target,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except BaseException:
            await connection.aclose()
            raise
        assert isinstance(response.stream, AsyncIterable)  # noqa: S101 - narrows httpcore's union
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response.stream, (connection.aclose,)),
        )

    async def _through_proxy(self, request: httpx.Request, proxy: httpx.Proxy) -> httpx.Response:
        transport = httpx.AsyncHTTPTransport(verify=self._ssl_context, trust_env=False, proxy=proxy)
        try:
            response = await transport.handle_async_request(request)
        except BaseException:
            await transport.aclose()
            raise
        body = response.stream
        assert isinstance(body, httpx.AsyncByteStream)  # noqa: S101 - narrows httpx's union
        response.stream = _Body(body, (body.aclose, transport.aclose))
        return response


class _Body(httpx.AsyncByteStream):
    """A response's bytes, and what is to be closed with them.

    It lets go of everything when it is closed: a cycle among response, connection and stream would
    wait for a full pass of the cycle collector over every other stream.
    """

    def __init__(self, chunks: AsyncIterable[bytes], closes: tuple[Close, ...]) -> None:
        self._chunks: AsyncIterable[bytes] | None = chunks
        self._closes = closes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._chunks is None:
            raise httpx.StreamClosed
        try:
            async for chunk in self._chunks:
                yield chunk
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise _translated(error) from error
        except httpx.RemoteProtocolError as error:
            raise _translated(error) from error

    async def aclose(self) -> None:
        """Close the connection; a second time does nothing."""
        closes, self._closes, self._chunks = self._closes, (), None
        for close in closes:
            await close()


def _translated(error: Exception) -> httpx.TransportError:
    if str(error).startswith(_CUT):
        return httpx.ReadError("the connection ended in the middle of the response")
    known = (_ERRORS[kind] for kind in type(error).__mro__ if kind in _ERRORS)
    return next(known, httpx.TransportError)(type(error).__name__)

"""Who may come in: requests that know the token, in a browser that was sent here by this page alone."""

import ipaddress
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

# Nothing comes from elsewhere, no script stands in the page, nobody may frame it, and its address, which holds the
# token, is told to nobody.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cache-Control": "no-store",
}


class AccessControl:
    """Pass on what may come in, without the token in its path.

    A page of someone else can make a browser send requests here. It does not know the token; it cannot take this
    service for its own by a name of its own that leads here (DNS rebinding), because only numbers, `localhost` and
    `host` are taken for names of this service; and what its scripts connect with has another origin.

    Parameters
    ----------
    app : ASGI application
    token : str
        First part of the path of all requests.
    host : str
        Name or number that the service listens on.
    """

    def __init__(self, app: ASGIApp, token: str, host: str) -> None:
        self._app, self._token, self._host = app, token.encode(), host.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        _, first, *rest = scope["path"].split("/", 2) if scope["path"].startswith("/") else ("", "")
        of_a_socket, knows = scope["type"] == "websocket", secrets.compare_digest(_bytes(first), self._token)
        if not self._known(headers.getlist("host")):
            refused = 421, "this service is not known by that name"
        elif knows and not rest and not of_a_socket:  # a slash that got lost as the address was copied
            await RedirectResponse(f"{first}/")(scope, receive, _with_headers(send))
            return
        elif not knows or not rest:
            refused = 404, "there is nothing here; the address with its token is what audioconv serve --web printed"
        elif of_a_socket and not _same_origin(headers):
            refused = 403, "only the page of this service may connect"
        else:
            await self._app(dict(scope) | {"path": f"/{rest[0]}"}, receive, _with_headers(send))
            return
        if of_a_socket:
            await WebSocketClose(reason=refused[1])(scope, receive, send)  # before it is accepted: 403 in HTTP
        else:
            await PlainTextResponse(refused[1], refused[0])(scope, receive, _with_headers(send))

    def _known(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        try:
            name = urlsplit(f"//{hosts[0]}").hostname
        except ValueError:
            return False
        return name in ("localhost", self._host) or _is_number(name or "")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _same_origin(headers: Headers) -> bool:
    """Whether a browser says that a page of this service connects."""
    host = headers["host"].lower()
    return headers.getlist("origin") in ([f"http://{host}"], [f"https://{host}"])


def _with_headers(send: Send) -> Send:
    added = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = dict(message) | {"headers": [*message.get("headers", []), *added]}
        await send(message)

    return sending

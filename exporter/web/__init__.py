"""What the exporter shows over HTTP: metrics, health, the status page and its JSON.

``app`` has the routes, ``server`` the sockets, ``static`` the page. None of them knows what is
behind the callables that it is given.
"""

from exporter.web.app import create_app
from exporter.web.server import ListenError, WebServer, bind
from exporter.web.views import Condition, Follow, FollowResult, Readiness, Views

__all__ = [
    "Condition",
    "Follow",
    "FollowResult",
    "ListenError",
    "Readiness",
    "Views",
    "WebServer",
    "bind",
    "create_app",
]

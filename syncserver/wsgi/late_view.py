"""A view that is made when it is first asked for, because few servers are ever asked for it."""

import threading
from collections.abc import Callable

from webob import Request, Response

from syncserver.wsgi.request_chain import RequestContext, View


class LateView:
    """Hands requests to a view, which the first of them makes; thread-safe."""

    def __init__(self, make: Callable[[], View]) -> None:
        self._make = make
        self._view: View | None = None
        self._lock = threading.Lock()

    def __call__(self, request: Request, context: RequestContext) -> Response:
        """Answer one request."""
        return (self._view or self._made())(request, context)

    def _made(self) -> View:
        with self._lock:
            # There is one at most: views remember what they have answered.
            if self._view is None:
                self._view = self._make()
            return self._view

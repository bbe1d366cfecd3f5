"""An app that shows what it is handed with a request, and what its process has."""

import json
import os
from collections.abc import Callable
from typing import Any


def make_app(
    _global_conf: object, **_local_conf: str
) -> Callable[[dict[str, Any], Callable[..., Any]], list[bytes]]:
    """Make the app, as PasteDeploy asks for it."""
    return _show


def _show(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    request = {name: str(value) for name, value in environ.items()}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"request": request, "process": dict(os.environ)}).encode()]

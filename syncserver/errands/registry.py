"""Which errands there are."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from syncserver.errands import check_errands, media_errands
from syncserver.errands.errand import ErrandFailed, Progress
from syncserver.services import Services

__all__ = ["ERRANDS", "ErrandFailed", "Progress"]

Errand = Callable[[Services, Mapping[str, Any], Progress], Any]

ERRANDS: Final[dict[str, Errand]] = {
    "check": check_errands.check,
    "media-check": media_errands.check,
    "media-trash": media_errands.trash,
    "media-restore": media_errands.restore,
}

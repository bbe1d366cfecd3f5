"""What one user may have and ask for, where that is not what the settings say for everybody."""

from dataclasses import asdict, dataclass
from typing import Final

from syncserver.settings import Settings


@dataclass(frozen=True, slots=True)
class UserLimits:
    """The limits of one user, by the names of the options; None is what the settings say."""

    max_collection_bytes: int | None = None
    media_quota: int | None = None
    requests_per_user: int | None = None

    def applied_to(self, settings: Settings) -> Settings:
        """Return the settings as they are for this user."""
        if self is NO_LIMITS:
            return settings
        own = {name: value for name, value in asdict(self).items() if value is not None}
        return settings.model_copy(update=own)


NO_LIMITS: Final = UserLimits()

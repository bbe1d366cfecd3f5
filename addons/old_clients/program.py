"""Read the address from the add-on's configuration when Anki starts and when it is changed."""

import anki.sync  # noqa: F401 - so that its copy of the address is there to be changed
from anki.hooks import addHook
from aqt import mw
from aqt.utils import showWarning

from .pointing import completed, point_to, point_to_ankiweb
from .versions import needs_this_addon, running_version

NO_ADDRESS = (
    "The add-on “Self-hosted sync server for Anki before 2.1.57” does not know your server yet, "
    "so Anki syncs with AnkiWeb.\n\n"
    "Open Tools → Add-ons, select it, click Config, and enter the address of your server."
)
NOT_NEEDED = (
    "Anki {} has a setting of its own for the sync server, so the add-on “Self-hosted sync server "
    "for Anki before 2.1.57” does nothing.\n\n"
    "Enter the address in Tools → Preferences → Syncing → Self-hosted sync server, then remove the "
    "add-on in Tools → Add-ons."
)


def set_up() -> None:
    """Point Anki to the server, and say what is missing as soon as there is a window."""
    version = running_version()
    if needs_this_addon(version):
        problem = apply(mw.addonManager.getConfig(__name__))
        mw.addonManager.setConfigUpdatedAction(__name__, apply_and_tell)
    else:
        problem = NOT_NEEDED.format(version)
    if problem:
        addHook("profileLoaded", lambda: tell(problem))


def apply(config: "dict[str, object]") -> str:
    """Point Anki to the configured server; return what is wrong with the address, or ""."""
    try:
        address = completed(str((config or {}).get("address") or ""))
    except ValueError as error:
        point_to_ankiweb()
        return f"{error}\n\nUntil that is corrected, Anki syncs with AnkiWeb."
    if not address:
        point_to_ankiweb()
        return NO_ADDRESS
    point_to(address)
    return ""


def apply_and_tell(config: "dict[str, object]") -> None:
    """Apply a configuration that was just changed."""
    problem = apply(config)
    if problem:
        tell(problem)


def tell(problem: str) -> None:
    """Show a message."""
    showWarning(problem)

"""Keep the address and the login where Anki's own preferences keep them."""

from __future__ import annotations

from typing import Any


def saved_address(mw: Any) -> str:
    """Return the address in the preferences, or ""."""
    return mw.pm.custom_sync_url() or ""


def saved_name(mw: Any) -> str:
    """Return the name of the account that is logged in, or ""."""
    return mw.pm.profile.get("syncUser") or ""


def save(mw: Any, address: str, name: str = "", key: str = "") -> None:
    """Set the address, and log in if there is a key; a login of another server is forgotten."""
    moved = address != saved_address(mw)
    mw.pm.set_custom_sync_url(address or None)
    if key:
        mw.pm.set_sync_username(name)
        mw.pm.set_sync_key(key)
    elif moved:
        # The other server would be asked with a key that it never gave, and refuse it.
        mw.pm.clear_sync_auth()
    mw.pm.save()

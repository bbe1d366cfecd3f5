"""Actions about the API itself, several actions at once, and what has no meaning on a server."""

from typing import Any, Final

from pydantic import Field

from syncserver.rest.access import ANY
from syncserver.rest.ankiconnect.actions import Actions, Params
from syncserver.rest.ankiconnect.dialogue import MOST_LEVELS, Dialogue
from syncserver.rest.call import Call
from syncserver.rest.problems import Invalid

actions: Final = Actions()

API_VERSION: Final = 6
MOST_ACTIONS: Final = 10_000
PERMISSION: Final = "requestPermission"


class Reflect(Params):
    """What is asked about: kinds of things, and actions by their names, None for all."""

    scopes: list[Any]
    actions: list[Any] | None = None


class Profile(Params):
    """A profile by its name."""

    name: str


class Several(Params):
    """Requests, each as if it came alone."""

    actions: list[Any] = Field(max_length=MOST_ACTIONS)


@actions.add(PERMISSION, scope=None)
def request_permission(call: Call) -> dict[str, Any]:
    """Tell a page whether it may read answers; programs that are no pages always may."""
    origin = call.request.headers.get("Origin", "").lower()
    allowed = call.services.settings.cors_origins
    if origin and origin not in allowed and ANY not in allowed:
        return {"permission": "denied"}
    # Documented in the one spelling, and sent by some versions in the other.
    return {
        "permission": "granted",
        "requireApiKey": True,
        "requireApikey": True,
        "version": API_VERSION,
    }


@actions.add("version")
def version() -> int:
    """Return the version of the API."""
    return API_VERSION


@actions.add("apiReflect")
def api_reflect(dialogue: Dialogue, params: Reflect) -> dict[str, Any]:
    """Return which of the named actions exist, or all of them."""
    if "actions" not in params.scopes:
        return {"scopes": []}
    known = sorted(dialogue.actions.by_name)
    wanted = known if params.actions is None else params.actions
    return {"scopes": ["actions"], "actions": [name for name in known if name in wanted]}


@actions.add("sync")
def sync() -> None:
    """Do nothing: what is here is what devices sync with."""


@actions.add("reloadCollection")
def reload_collection() -> None:
    """Do nothing: nothing here can be out of date."""


@actions.add("getProfiles")
def get_profiles(call: Call) -> list[str]:
    """Return the user, who is the only profile of a token."""
    return [call.user.name]


@actions.add("getActiveProfile")
def get_active_profile(call: Call) -> str:
    """Return the user."""
    return call.user.name


@actions.add("loadProfile")
def load_profile(call: Call, params: Profile) -> bool:
    """Tell whether the profile is the user, whose collection is always loaded."""
    return params.name == call.user.name


@actions.add("multi", scope=None)
def multi(dialogue: Dialogue, params: Several) -> list[Any]:
    """Do several actions, one after the other; each has its own result or error."""
    if dialogue.level > MOST_LEVELS:
        raise Invalid("multi is nested too deeply")
    return [dialogue.answer(asked) for asked in params.actions]

"""The environment variables that begin as ours do: which of them mean something here?

A name that is nearly one of ours is a slip of the hand, and refused as in an ini file. Any other may
be somebody else's, such as a compose file's own, so it is only told. What Kubernetes sets for a
service that is called as we are is no news to anybody.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from syncserver.settings.options import Settings
from syncserver.settings.server_options import ServerSettings
from syncserver.settings.values import SettingsError

ENVIRONMENT_PREFIX: Final = "SYNCSERVER_"
FILE_SUFFIX: Final = "_FILE"
# Of the control script: the name of the ini file, and whether tracebacks are shown.
CONFIG_VARIABLE: Final = f"{ENVIRONMENT_PREFIX}CONFIG"
TRACEBACK_VARIABLE: Final = f"{ENVIRONMENT_PREFIX}TRACEBACK"
# They say what the tests run against, and stay set in the shell of whoever develops.
PREFIX_OF_TESTS: Final = f"{ENVIRONMENT_PREFIX}TEST_"

_VARIABLES: Final = tuple(
    f"{ENVIRONMENT_PREFIX}{option.upper()}"
    for option in (*Settings.model_fields, *ServerSettings.model_fields)
)
OUR_VARIABLES: Final = frozenset(
    (
        *_VARIABLES,
        *(f"{variable}{FILE_SUFFIX}" for variable in _VARIABLES),
        *(CONFIG_VARIABLE, TRACEBACK_VARIABLE),
    )
)
# Two letters swapped in a word of four are as near as this; another word is not.
NEARNESS: Final = 0.75

# NAME=VALUE, as Kubernetes sets them for the service `syncserver` and for `syncserver-web`. The name
# of the first kind may be an option's, but the address of a service is no port.
_SERVICE_LINK: Final = re.compile(
    r"SYNCSERVER_(\w+_)?(PORT=(tcp|udp|sctp)://.*"
    r"|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?=.*"
    r"|SERVICE_(HOST|PORT(_\w+)?)=.*)",
    re.DOTALL,
)


def is_service_link(name: str, value: str) -> bool:
    """Tell whether a variable is what Kubernetes tells about a service, and no option of ours."""
    return _SERVICE_LINK.fullmatch(f"{name}={value}") is not None


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the names that begin as ours do and mean nothing here."""
    return sorted(
        name
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX)
        and name not in OUR_VARIABLES
        and not name.startswith(PREFIX_OF_TESTS)
        and not is_service_link(name, value)
    )


def refuse_misspelt(environment: Mapping[str, str]) -> None:
    """Raise SettingsError for unknown variables that are nearly ones of ours."""
    near = {name: _nearest(name) for name in unknown_variables(environment)}
    lines = [
        f"{name}: there is no such variable; did you mean {ours}?"
        for name, ours in near.items()
        if ours is not None
    ]
    if lines:
        raise SettingsError("\n".join(lines))


def _nearest(name: str) -> str | None:
    # Without the prefix, which would make all of them alike.
    known = [ours.removeprefix(ENVIRONMENT_PREFIX) for ours in OUR_VARIABLES]
    own_part = name.removeprefix(ENVIRONMENT_PREFIX).upper()
    found = get_close_matches(own_part, known, n=1, cutoff=NEARNESS)
    return f"{ENVIRONMENT_PREFIX}{found[0]}" if found else None

"""The typed schema of every option, and where each value came from.

A value comes, the later the stronger, from the schema's default, the ini file, the environment
variable `SYNCSERVER_<OPTION>`, or the file that `SYNCSERVER_<OPTION>_FILE` names (for secrets).
`example.ini` and docs/operations.md are compared with this schema by a test.
"""

from syncserver.settings.loading import (
    BUILTIN_CONFIG,
    SERVER_SECTION,
    Loaded,
    forget_variables,
    load_file,
    load_options,
)
from syncserver.settings.options import Settings
from syncserver.settings.server_options import ServerSettings
from syncserver.settings.values import IpNetwork, SettingsError
from syncserver.settings.variables import (
    CONFIG_VARIABLE,
    ENVIRONMENT_PREFIX,
    TRACEBACK_VARIABLE,
    unknown_variables,
)

__all__ = [
    "BUILTIN_CONFIG",
    "CONFIG_VARIABLE",
    "ENVIRONMENT_PREFIX",
    "SERVER_SECTION",
    "TRACEBACK_VARIABLE",
    "IpNetwork",
    "Loaded",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "forget_variables",
    "load_file",
    "load_options",
    "unknown_variables",
]

"""From what people call themselves to the name of their folder on disk.

A folder's name can neither leave the folder that holds it nor meet another one on a disk that does
not tell upper from lower case. Simple names are kept, so that a folder of the official server moves
in by being copied.
"""

import hashlib
import re
import unicodedata
from typing import Final

from syncserver.accounts.tables import NAME_LENGTH

# No character decomposes into more than four, so what is longer than this is too long in any form;
# it keeps normalising cheap, whatever a client sends.
_LONGEST_DECOMPOSED: Final = 4 * NAME_LENGTH
_SIMPLE: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
# Names of devices on Windows, whatever follows the first dot.
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_PREFIX_LENGTH: Final = 32
# Unicode's categories of control characters, of line and of paragraph separators.
_CONTROL: Final = frozenset({"Cc", "Zl", "Zp"})


class BadUserName(Exception):
    """No user can have this name; the message says why, for the operator."""


def normalise_user_name(name: str) -> str:
    """Return the NFC form of `name`, under which a user is known.

    Raises BadUserName for a name that is empty or all white space, has more than 128 characters, or
    holds characters that no database and no file can keep.
    """
    if len(name) > _LONGEST_DECOMPOSED:
        raise BadUserName(f"a user name has at most {NAME_LENGTH} characters")
    normal = unicodedata.normalize("NFC", name)
    if len(normal) > NAME_LENGTH:
        raise BadUserName(f"a user name has at most {NAME_LENGTH} characters")
    if not normal.strip():
        raise BadUserName("a user name must not be empty or all white space")
    if any(_cannot_be_stored(character) for character in normal):
        raise BadUserName("a user name must not hold NUL characters or broken Unicode")
    return normal


def new_user_name(name: str) -> str:
    """Return the form of `name` under which a new user is known.

    Raises BadUserName, also for control characters, which users of former versions may have in
    their names: those stay users.
    """
    normal = normalise_user_name(name)
    if any(unicodedata.category(character) in _CONTROL for character in normal):
        raise BadUserName("a user name must not hold line breaks or other control characters")
    return normal


def folder_name(user_name: str) -> str:
    """Return the name of the folder of the user `user_name`: ASCII, at most 64 characters.

    Raises BadUserName.
    """
    name = normalise_user_name(user_name)
    if _SIMPLE.fullmatch(name) and not name.endswith(".") and not _DEVICE.fullmatch(name):
        return name
    # '~' is in no simple name, so the two kinds never meet.
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{_readable_prefix(name)}~{digest}"


def _cannot_be_stored(character: str) -> bool:
    return character == "\0" or unicodedata.category(character) == "Cs"


def _readable_prefix(name: str) -> str:
    # Without dots: 'con.x~...' would be the device 'con'.
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    prefix = re.sub(r"[^a-z0-9@_]+", "-", ascii_only)[:_PREFIX_LENGTH].strip("-")
    return prefix or "user"

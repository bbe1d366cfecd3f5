"""Templates: `@{name}` stands for a value; lines that hold nothing but an empty one go away."""

import re
from collections.abc import Mapping
from typing import Final

# nginx and Apache have variables with '$', Caddy has matchers with '@': only '@{name}' is ours.
PLACEHOLDER: Final = re.compile(r"@\{(\w+)\}")
ALONE: Final = re.compile(r"^([ \t]*)@\{(\w+)\}\n", re.MULTILINE)


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders filled in.

    A placeholder that has a line to itself may stand for several lines, each indented as it is, or
    for none. Raises KeyError for a name that `values` does not hold.
    """

    def lines(found: re.Match[str]) -> str:
        return "".join(f"{found[1]}{line}\n" for line in values[found[2]].splitlines())

    return PLACEHOLDER.sub(lambda found: values[found[1]], ALONE.sub(lines, template))

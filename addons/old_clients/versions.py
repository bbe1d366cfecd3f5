"""Which versions of Anki need this add-on."""

# The first version whose preferences have a field for the server's address.
FIRST_WITH_A_FIELD = (2, 1, 57)


def needs_this_addon(version: str) -> bool:
    """Tell whether an Anki of a version like `2.1.49` or `23.10.1` has no field of its own."""
    return _numbers(version) < FIRST_WITH_A_FIELD


def running_version() -> str:
    """Return the version of the Anki around us."""
    try:
        from anki.buildinfo import version  # noqa: PLC0415 - only since 2.1.24
    except ImportError:
        from anki import version  # type: ignore[attr-defined, no-redef] # noqa: PLC0415 - no more
    return str(version)


def _numbers(version: str) -> "tuple[int, ...]":
    # Betas are called `2.1.57beta1` or `23.10rc2`.
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        numbers.append(int(digits or "0"))
    return tuple(numbers)

"""The report as text and as JSON."""

from pathlib import Path


def print_report(config: Path, *, as_json: bool) -> None:
    """Print the report."""
    raise NotImplementedError(config, as_json)

"""A self-hosted sync server for Anki: accounts, sync, backups and an API over real collections."""

from importlib.metadata import version

__version__ = version("syncserver")

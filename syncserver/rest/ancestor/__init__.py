"""The calls of the ancestor's REST API, POST /collection/USER/..., for programs written for it.

Paths and meanings are those of dsnopek/anki-sync-server; docs/rest.md lists them, and where the
ancestor did something odd and this does not.
"""

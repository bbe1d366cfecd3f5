"""The modern form of the API under /api/v1/: resources, cursors, proper statuses, OpenAPI.

One module for each resource; `rest/resources.py` lists them, docs/rest-v1.md is for callers.
"""

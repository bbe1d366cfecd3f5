"""The files that other programs need to run the server, or to stand in front of it.

The templates beside this module are their only source: `ctl.py deploy-files` fills them in from an
installation's settings, `deploy/` and `supervisor/` hold them filled in for an example.
"""

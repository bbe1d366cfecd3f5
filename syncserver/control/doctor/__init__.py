"""`ctl.py doctor URL`: a client that walks the way to a server, and says where it ends and why.

Each step is one question, answered with one finding: name, connection, encryption, the proxy, the
clock, the login, a whole sync. A step that cannot be judged, because an earlier one failed, is
skipped. Nothing here needs more of a server than any client does, so it works from anywhere.
"""

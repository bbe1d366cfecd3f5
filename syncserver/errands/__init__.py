"""Errands: what the control script asks of the process that owns the data root.

Only one process may open collections and media. The control script therefore sends its errands to
the running server, through a socket in the data root, or runs them itself when there is none.
"""

"""Moving in: what other servers and Anki's own packages look like on disk, and how to unpack it.

Nothing here changes what a server has: everything is put into a folder of ours first.
"""

"""Restore points: take them while people sync, check them, thin them out, restore, send them away.

What they are as files is in `collections/restore_points.py`.
"""

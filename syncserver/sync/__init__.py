"""The collection engine: one file per step of the protocol, and the rules by which changes merge.

A step gets a lease (the right to use the collection) and messages; it has never heard of HTTP.
"""

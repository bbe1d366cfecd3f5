"""The REST API: programs and web pages use a person's collection.

A resource is a module with handlers, each declared with its verb, path and scope; `endpoint` does
what all of them have in common. docs/rest.md is for those who call it.
"""

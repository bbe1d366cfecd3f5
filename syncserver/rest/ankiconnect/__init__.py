"""AnkiConnect's API, version 6, on a user's collection.

Programs that were written for the add-on of the desktop work with it: one address, the name of an
action and its parameters in, a result or an error out. The `key` is a token of the API.
docs/ankiconnect.md lists the actions.
"""

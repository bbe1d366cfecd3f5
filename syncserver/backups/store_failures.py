"""What can go wrong with the store of the off-site copies, whichever library speaks to it."""


class StoreFailed(Exception):
    """The store cannot be reached or refuses something; the message is for the operator."""


class StoreUnreachable(StoreFailed):
    """The store does not answer, or not as a store does."""


class NotStored(StoreFailed):
    """There is no such object."""

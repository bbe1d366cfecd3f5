"""What the tests with real clients are made of: servers, devices, raw requests, comparisons."""

# The modules of anki import each other in a circle, which works only when it is entered here.
import anki.collection  # noqa: F401

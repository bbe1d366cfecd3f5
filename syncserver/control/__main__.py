"""`python -m syncserver.control`: how `start` calls the server that it puts into the background."""

from syncserver.control.program import main

main()

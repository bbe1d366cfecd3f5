"""Make an Anki before 2.1.57 sync with a server of one's own."""

import sys

# Its rules can also be imported where there is no Anki program.
if "aqt" in sys.modules:
    from . import program

    program.set_up()

"""Set and test the address of a self-hosted sync server, in an entry of the Tools menu.

For Anki from 2.1.57 on; that one runs on Python 3.9, which is the oldest that this must run on.
"""

import sys

# Its rules can also be imported where there is no Anki program.
if "aqt" in sys.modules:
    from . import menu

    menu.set_up()

"""Set and test the address of a self-hosted sync server: Tools → Self-hosted sync server…"""

import sys

# Its rules can also be imported where there is no Anki program.
if "aqt" in sys.modules:
    from . import menu

    menu.set_up()

"""Make an Anki from 2.1.0 to 2.1.56 sync with a server of one's own.

Anki 2.1.0 runs on Python 3.6: no newer syntax here. Anki 2.0 has another form of add-ons.
"""

import sys

# Its rules can also be imported where there is no Anki program.
if "aqt" in sys.modules:
    from . import program

    program.set_up()

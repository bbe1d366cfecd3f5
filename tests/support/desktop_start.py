"""Start the Anki desktop of the interpreter of this file, as after its first start by a person.

    python desktop_start.py BASE [ARGUMENT...]

The first start asks for the language before add-ons are loaded, so nobody could answer; the answer
is written down beforehand, through Anki's own profile manager. Works with aqt from 2.1.49 on.
"""

import sys
from pathlib import Path
from typing import Any

import anki.lang
import aqt
from aqt.profiles import ProfileManager

LANGUAGE = "en_US"


def profile_manager(base: str) -> Any:
    """Return Anki's manager of the profiles in a base folder."""
    if hasattr(ProfileManager, "get_created_base_folder"):
        return ProfileManager(ProfileManager.get_created_base_folder(base))
    return ProfileManager(base)


def answer_first_questions(base: str) -> None:
    """Choose the language, and do not look for new versions of Anki."""
    anki.lang.set_lang(LANGUAGE)
    manager = profile_manager(base)
    manager.setupMeta()
    manager.meta.update(updates=False, check_for_updates=False)
    manager.setLang(LANGUAGE)
    manager.db.close()


if __name__ == "__main__":
    base_folder, *arguments = sys.argv[1:]
    if not (Path(base_folder) / "prefs21.db").exists():
        answer_first_questions(base_folder)
    sys.argv[1:] = ["-b", base_folder, *arguments]
    aqt.run()

import re
import unicodedata
from itertools import product
from pathlib import Path, PureWindowsPath

import pytest

from syncserver.accounts.folder_names import (
    BadUserName,
    folder_name,
    new_user_name,
    normalise_user_name,
)

WINDOWS_DEVICES = ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), "lpt1", "lpt9"]

AWKWARD_NAMES = [
    "Alice",
    "ALICE",
    "alice.",
    "alice ",
    " alice",
    "alice..",
    "alice. .",
    ".",
    "..",
    "...",
    ".alice",
    "~",
    "~alice",
    "alice~0123456789abcdef",
    "a/b",
    "a\\b",
    "/",
    "/etc/passwd",
    "../../etc/passwd",
    "..\\..\\windows",
    "C:",
    "c:\\users",
    "a:stream",
    "a\nb",
    "a\tb",
    "a\x1b[31mb",
    "-rf",
    "--help",
    "@",
    "_",
    "a*b?",
    '"quoted"',
    "<b>",
    "|pipe",
    "é" * 128,
    "e\u0301" * 128,
    "ss",
    "ß",
    "SS",
    "ﬁ",
    "fi",
    "İ",
    "ı",
    "i\u0307",
    "Ωmega",
    "Ωmega",
    "K",
    "K",
    "k",
    "日本語",
    "日本",
    "Алиса",
    "алиса",
    "علي",
    "נועה",
    "🃏",
    "🃏🃏",
    "👩‍🎓",
    "👩🎓",
    "a\u200bb",
    "a\u202eb",
    "a" * 64,
    "a" * 65,
    "a" * 128,
    "A" * 128,
    "alice@example.org",
    "Alice@example.org",
    "alice+anki@example.org",
    *WINDOWS_DEVICES,
    *(f"{device}.txt" for device in WINDOWS_DEVICES),
    *(device.upper() for device in WINDOWS_DEVICES),
    "con.",
    "con ",
    "conin$",
    "com¹",
    "user",
    "user~",
    "accounts.db",
]
SMALL_NAMES = ["".join(letters) for letters in product("aAéÉ.~/ -\u0301", repeat=3)]
ALL_NAMES = [name for name in {*AWKWARD_NAMES, *SMALL_NAMES} if name.strip()]


def kept_apart_by(disk: str, folder: str) -> str:
    """What a disk that folds names makes of one."""
    if disk == "windows":
        return folder.rstrip(". ").casefold()
    return unicodedata.normalize("NFD", folder).casefold()


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_no_folder_leaves_the_folder_that_holds_it(name: str, tmp_path: Path) -> None:
    folder = folder_name(name)

    assert (tmp_path / folder).resolve().parent == tmp_path
    assert PureWindowsPath("c:/data", folder).parent == PureWindowsPath("c:/data")
    assert re.fullmatch(r"[a-z0-9@_.~-]{1,64}", folder)
    assert folder[0] not in ".-~"
    assert folder[-1] != "."


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_no_folder_is_a_device_of_windows(name: str) -> None:
    assert folder_name(name).split(".")[0] not in WINDOWS_DEVICES


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_every_name_gives_a_folder_that_can_be_made(name: str, tmp_path: Path) -> None:
    (tmp_path / folder_name(name)).mkdir()


@pytest.mark.parametrize("disk", ["windows", "mac"])
def test_different_users_never_share_a_folder(disk: str) -> None:
    assert len(ALL_NAMES) > 700
    owners: dict[str, set[str]] = {}
    for name in ALL_NAMES:
        place = kept_apart_by(disk, folder_name(name))
        owners.setdefault(place, set()).add(normalise_user_name(name))

    assert [users for users in owners.values() if len(users) > 1] == []


@pytest.mark.parametrize(
    "name",
    ["alice", "a", "0", "alice@example.org", "alice.b-c_d", "a" * 64, "console", "com10", "nul-1"],
)
def test_a_simple_name_is_its_own_folder(name: str) -> None:
    assert folder_name(name) == name


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("Alice", "alice"),
        ("José Núñez", "jose-nunez"),
        ("con.x", "con-x"),
        ("../../etc/passwd", "etc-passwd"),
        ("日本語", "user"),
        ("A" * 128, "a" * 32),
        ("alice+anki@example.org", "alice-anki@example-org"),
    ],
)
def test_the_folder_of_another_name_starts_with_what_is_readable(name: str, prefix: str) -> None:
    assert re.fullmatch(re.escape(prefix) + "~[0-9a-f]{16}", folder_name(name))


def test_the_folder_of_a_name_is_the_same_on_every_machine_and_day() -> None:
    assert folder_name("Alice") == "alice~3bc51062973c458d"


def test_names_that_differ_only_in_normalisation_are_the_same_user() -> None:
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"

    assert composed != decomposed
    assert normalise_user_name(composed) == normalise_user_name(decomposed) == composed
    assert folder_name(composed) == folder_name(decomposed)


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = normalise_user_name(name)

    assert normalise_user_name(once) == once


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u3000", "\u00a0\u2003"])
def test_a_name_of_nothing_but_white_space_is_refused(name: str) -> None:
    with pytest.raises(BadUserName, match="white space"):
        normalise_user_name(name)


@pytest.mark.parametrize("character", ["a", "é", "e\u0301", "日", "🃏", "\u1f82"])
def test_128_characters_are_a_name_and_129_are_not(character: str) -> None:
    assert len(normalise_user_name(character * 128)) == 128
    with pytest.raises(BadUserName, match="128"):
        normalise_user_name(character * 129)


def test_a_name_is_measured_after_normalising() -> None:
    longest = unicodedata.normalize("NFD", "\u1f82" * 128)

    assert len(longest) == 512
    assert len(normalise_user_name(longest)) == 128
    with pytest.raises(BadUserName, match="128"):
        # U+0958 has no composed form: what was short enough grows.
        normalise_user_name("\u0958" * 65)


def test_a_name_of_millions_of_characters_is_refused() -> None:
    with pytest.raises(BadUserName, match="128"):
        normalise_user_name("e\u0301" * 5_000_000)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "alice\udfff"])
def test_a_name_that_no_database_can_keep_is_refused(name: str) -> None:
    with pytest.raises(BadUserName, match=r"NUL characters or broken Unicode"):
        normalise_user_name(name)


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]
)
def test_a_new_user_has_no_control_characters_in_the_name(character: str) -> None:
    name = f"a{character}b"
    with pytest.raises(BadUserName, match="control characters"):
        new_user_name(name)
    assert normalise_user_name(name) == name, "who has such a name from former times keeps it"


@pytest.mark.parametrize("name", ["👩‍🎓", "a\u3000b", "Zoe\u0308", "א\u200fב"])
def test_a_new_user_may_have_any_other_name(name: str) -> None:
    assert new_user_name(name) == normalise_user_name(name)


@pytest.mark.parametrize("name", ["", "a" * 129, "a\0b"])
def test_no_folder_is_derived_from_a_bad_name(name: str) -> None:
    with pytest.raises(BadUserName):
        folder_name(name)

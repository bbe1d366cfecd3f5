"""Asking for passwords, and making ones that can be copied from a screen to a phone."""

import getpass
import secrets
import sys
from typing import Annotated, Final

import typer

from syncserver.accounts.old_hashes import OldHash, old_hash
from syncserver.control.output import WRONG_USAGE, CommandFailed

PasswordStdinOption = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from the first line of the input."),
]

HashStdinOption = Annotated[
    bool,
    typer.Option(
        "--password-hash-stdin",
        help="Read a hash of the password by another server from the first line of the input.",
    ),
]

# Without letters that are mistaken for others; 5 words of 2 syllables hold 62 random bits.
CONSONANTS: Final = "bdfghjkmnprstvz"
VOWELS: Final = "aeiou"
WORDS: Final = 5


def obtain_password(*, from_stdin: bool) -> str:
    """Read a new password from the input, or ask for it twice on the terminal without echo."""
    password = first_line() if from_stdin else _ask_twice()
    if not password:
        raise CommandFailed("the password is empty")
    return password


def obtain_secret(*, from_stdin: bool, hash_from_stdin: bool) -> str | OldHash:
    """Obtain a password, or what another server has made of it. Raises UnknownHash."""
    if not hash_from_stdin:
        return obtain_password(from_stdin=from_stdin)
    if from_stdin:
        raise CommandFailed("the input is either a password or a hash", WRONG_USAGE)
    return old_hash(first_line().strip())


def first_line() -> str:
    """Read the first line of the input. Raises CommandFailed when that is no text."""
    try:
        line = sys.stdin.readline().rstrip("\r\n")
        # In the locale C what cannot be decoded is handed on as broken characters.
        line.encode()
    except UnicodeError:
        raise CommandFailed(f"the input is not {sys.stdin.encoding.upper()}") from None
    return line


def readable_password() -> str:
    """Return a random password that is easy to read and to type."""
    return "-".join(_syllable() + _syllable() for _ in range(WORDS))


def _ask_twice() -> str:
    if not sys.stdin.isatty():
        raise CommandFailed("no terminal to ask on: use --password-stdin", WRONG_USAGE)
    password = getpass.getpass("Password: ")
    if password and getpass.getpass("The same again: ") != password:
        raise CommandFailed("the two passwords differ")
    return password


def _syllable() -> str:
    return secrets.choice(CONSONANTS) + secrets.choice(VOWELS)

"""The command `doctor`: read what was asked, walk, print; or print a report."""

import getpass
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from syncserver.control.doctor.encryption import client_context
from syncserver.control.doctor.findings import Finding
from syncserver.control.doctor.login import Person
from syncserver.control.doctor.printing import (
    as_document,
    has_failed,
    print_finding,
    print_verdict,
)
from syncserver.control.doctor.scratch import scratch_account
from syncserver.control.doctor.walk import Plan, walk
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    open_installation,
)
from syncserver.control.output import FAILED, WRONG_USAGE, CommandFailed, print_json
from syncserver.control.passwords import PasswordStdinOption, first_line
from syncserver.control.report.document import print_report

UrlArgument = Annotated[
    str | None,
    typer.Argument(metavar="URL", help="The address that people enter; from the ini file if none."),
]
UserOption = Annotated[str | None, typer.Option("--user", "-u", help="Log in as this user.")]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca", exists=True, dir_okay=False, help="Trust the authorities in this PEM file too."
    ),
]
ScratchOption = Annotated[
    bool,
    typer.Option("--scratch", help="Use an account made for this; on the server's machine only."),
]
QuickOption = Annotated[
    bool, typer.Option("--quick", help="Leave out large bodies and slow answers.")
]
ReportOption = Annotated[
    bool, typer.Option("--report", help="Print what an issue report needs, without secrets.")
]


def doctor(  # noqa: PLR0913 - each is an option of the command
    url: UrlArgument = None,
    *,
    user: UserOption = None,
    password_stdin: PasswordStdinOption = False,
    ca: CaOption = None,
    scratch: ScratchOption = False,
    quick: QuickOption = False,
    report: ReportOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Find out why devices cannot sync with the server at URL, and what to change.

    The exit code is 0 if all is well, 1 if a step failed.
    """
    if report:
        print_report(config, as_json=as_json)
        return
    if scratch and user is not None:
        raise CommandFailed("say --user or --scratch, not both", WRONG_USAGE)
    plan = Plan(_url(url, config), ca=_usable(ca), quick=quick)
    if user is not None:
        plan = replace(plan, person=Person(user, _password(from_stdin=password_stdin)))
    with _with_account(plan, config, scratch=scratch) as complete:
        findings = walk(complete, _say_nothing if as_json else print_finding)
        # Before the scratch account is removed, which may take a while.
        if as_json:
            print_json(as_document(plan.url, findings))
        else:
            print_verdict(findings)
    if has_failed(findings):
        raise typer.Exit(FAILED)


def _url(given: str | None, config: Path) -> str:
    return given if given is not None else open_installation(config).url


def _usable(ca: Path | None) -> Path | None:
    try:
        client_context(ca)
    except ssl.SSLError:
        raise CommandFailed(f"{ca} holds no certificate (PEM)", WRONG_USAGE) from None
    return ca


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return first_line()
    if not sys.stdin.isatty():
        raise CommandFailed("no terminal to ask on: use --password-stdin", WRONG_USAGE)
    return getpass.getpass("Password: ")


@contextmanager
def _with_account(plan: Plan, config: Path, *, scratch: bool) -> Iterator[Plan]:
    if not scratch:
        yield plan
        return
    installation = open_installation(config)
    largest = int(installation.settings.max_collection_bytes)
    with scratch_account(installation) as person:
        yield replace(plan, person=person, scratch=True, largest=largest)


def _say_nothing(_step: str, _found: Finding) -> None:
    """Print nothing: with --json everything is printed at the end."""

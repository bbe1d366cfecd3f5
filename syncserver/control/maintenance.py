"""The commands about maintenance: maintenance on, off and status."""

from datetime import datetime, time, timedelta
from typing import Annotated

import typer

from syncserver import maintenance
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    open_installation,
)
from syncserver.control.output import WRONG_USAGE, CommandFailed, print_json, say
from syncserver.services import prepare_data_root

program = typer.Typer(no_args_is_help=True, help="Close the server for a while, with a message.")


@program.command()
def on(
    message: Annotated[
        str, typer.Argument(metavar="[MESSAGE]", help="What people are told.")
    ] = maintenance.DEFAULT_MESSAGE,
    until: Annotated[
        str | None,
        typer.Option("--until", help="When it ends by itself: 20:00, or 2026-11-21T20:00."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Let nobody sync until it is over; syncs in progress have two minutes to finish.

    Works at once, whether the server runs or not, and beyond its restarts.
    """
    installation = open_installation(config)
    prepare_data_root(installation.settings.data_root)
    end = None if until is None else end_of_maintenance(until, datetime.now().astimezone())
    _tell(maintenance.begin(installation.settings.data_root, message, end), as_json=as_json)


@program.command()
def off(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let everybody sync again."""
    was_on = maintenance.end(open_installation(config).settings.data_root)
    say("maintenance is off" if was_on else "maintenance was not on")


@program.command()
def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say whether maintenance is on, and what people are told."""
    _tell(maintenance.read(open_installation(config).settings.data_root), as_json=as_json)


def _tell(notice: maintenance.Notice | None, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "on": notice is not None,
                "message": notice and notice.message,
                "since": notice and notice.since,
                "until": notice and notice.until,
            }
        )
    elif notice is None:
        say("maintenance is off")
    else:
        end = f" until {notice.until.astimezone():%Y-%m-%d %H:%M %Z}" if notice.until else ""
        say(f"maintenance is on{end}: {notice.message}")


def end_of_maintenance(text: str, now: datetime) -> datetime:
    """Return what `--until` means: a moment, or the next time that clocks here show an hour.

    Raises CommandFailed for one that is past, and for what is none.
    """
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        return _date(text, now)
    today = now.astimezone(clock.tzinfo).date()
    moments = (datetime.combine(today + timedelta(days), clock) for days in (0, 1))
    # One without a zone is local, by the rules of its own day: clocks may change at night.
    return next(moment for moment in map(datetime.astimezone, moments) if moment > now)


def _date(text: str, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(
            f"--until {text!r} is no time; it looks like 20:00 or 2026-11-21T20:00", WRONG_USAGE
        ) from None
    moment = moment if moment.tzinfo else moment.astimezone()
    if moment <= now:
        raise CommandFailed(f"--until {text} is in the past", WRONG_USAGE)
    return moment

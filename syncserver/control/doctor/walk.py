"""The steps in their order, and which of them can be judged when an earlier one failed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from syncserver.control.doctor import probes
from syncserver.control.doctor.address import Address, read_address
from syncserver.control.doctor.answers import explain_no_answer
from syncserver.control.doctor.encryption import client_context, judge_encryption
from syncserver.control.doctor.exchange import NoAnswer, Route
from syncserver.control.doctor.findings import Finding, Verdict, doubtful, failed, skipped
from syncserver.control.doctor.login import Person, compare_clocks, log_in, new_meta, old_meta
from syncserver.control.doctor.network import Endpoint, look_up, try_all
from syncserver.control.doctor.patience import answers_pass, slow_answers_pass
from syncserver.control.doctor.whole_sync import ClientJob, sync_as_a_client

DEFAULT_LARGEST: Final = 300_000_000
# What follows these can be judged without them: plain HTTP, and servers that are not ours.
MAY_BE_SKIPPED: Final = frozenset({"encryption", "chunked bodies"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked of the doctor; `scratch` says that `person` is there to be changed."""

    url: str
    person: Person | None = None
    ca: Path | None = None
    scratch: bool = False
    quick: bool = False
    largest: int = DEFAULT_LARGEST


@dataclass
class Visit:
    """What earlier steps found out for later ones."""

    plan: Plan
    findings: dict[str, Finding] = field(default_factory=dict)
    address: Address | None = None
    endpoints: list[Endpoint] = field(default_factory=list)
    is_ours: bool = False
    key: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    media: Finding | None = None

    @property
    def known_address(self) -> Address:
        """The address, in steps that come after it was read."""
        assert self.address is not None  # noqa: S101 - the order of the steps
        return self.address

    @property
    def route(self) -> Route:
        """The way of requests, in steps that come after the connection was tried."""
        return Route(self.known_address, self.endpoints[0], client_context(self.plan.ca))


@dataclass(frozen=True, slots=True)
class Step:
    """One question; the steps that `needs` names must not have failed."""

    name: str
    needs: tuple[str, ...]
    ask: Callable[[Visit], Finding]


def _address(visit: Visit) -> Finding:
    visit.address, found = read_address(visit.plan.url)
    return found


def _name(visit: Visit) -> Finding:
    visit.endpoints, found = look_up(visit.known_address)
    return found


def _connection(visit: Visit) -> Finding:
    visit.endpoints, found = try_all(visit.known_address, visit.endpoints)
    return found


def _encryption(visit: Visit) -> Finding:
    address = visit.known_address
    if address.encrypted:
        return judge_encryption(address, visit.endpoints[0], visit.plan.ca)
    if visit.endpoints[0].ip.startswith(("127.", "::1")):
        return skipped("The address begins with http://.")
    return doubtful(
        "Nothing is encrypted (http://): others in the same network can read passwords and cards.",
        "Fine at home; on the internet put a proxy with HTTPS in front.",
    )


def _server(visit: Visit) -> Finding:
    visit.is_ours, found = probes.is_our_server(visit.route)
    return found


def _chunks(visit: Visit) -> Finding:
    return probes.chunks_pass(visit.route) if visit.is_ours else probes.not_ours()


def _sizes(visit: Visit) -> Finding:
    if not visit.is_ours:
        return probes.not_ours()
    return probes.sizes_pass(visit.route, visit.plan.largest, quick=visit.plan.quick)


def _login(visit: Visit) -> Finding:
    if visit.plan.person is None:
        return probes.no_login("This, and what follows,")
    visit.key, found = log_in(visit.route, visit.plan.person)
    return found


def _meta(visit: Visit) -> Finding:
    visit.meta, found = new_meta(visit.route, visit.key)
    return found


def _slow_answers(visit: Visit) -> Finding:
    if visit.plan.quick or visit.plan.person is None:
        return skipped("Not tried with --quick.")
    return slow_answers_pass(visit.route, visit.key, visit.plan.person)


def _sync(visit: Visit) -> Finding:
    assert visit.plan.person is not None  # noqa: S101 - the login stands before it
    job = ClientJob(visit.known_address, visit.plan.person, visit.plan.ca, visit.plan.scratch)
    found, visit.media = sync_as_a_client(job)
    return found


def _media(visit: Visit) -> Finding:
    return visit.media or skipped("The client could not sync cards.")


STEPS: Final = (
    Step("address", (), _address),
    Step("name", ("address",), _name),
    Step("connection", ("name",), _connection),
    Step("encryption", ("connection",), _encryption),
    Step("server", ("connection", "encryption"), _server),
    Step("sync header", ("server",), lambda visit: probes.header_passes(visit.route)),
    Step("chunked bodies", ("server", "sync header"), _chunks),
    Step("large bodies", ("server", "sync header", "chunked bodies"), _sizes),
    Step("double slashes", ("sync header",), lambda visit: probes.slashes_pass(visit.route)),
    Step("media path", ("sync header",), lambda visit: probes.media_path_passes(visit.route)),
    Step("login", ("sync header", "chunked bodies"), _login),
    Step("new clients", ("login",), _meta),
    Step("old clients", ("login",), lambda visit: old_meta(visit.route, visit.key)),
    Step("clock", ("server",), lambda visit: compare_clocks(visit.route, visit.meta)),
    Step("answers", ("new clients",), lambda visit: answers_pass(visit.route, visit.key)),
    Step("slow answers", ("new clients",), _slow_answers),
    Step("sync", ("new clients", "clock", "answers"), _sync),
    Step("media", ("sync",), _media),
)


def walk(plan: Plan, tell: Callable[[str, Finding], None]) -> Mapping[str, Finding]:
    """Take every step, tell each finding at once, and return all of them by their steps."""
    visit = Visit(plan)
    for step in STEPS:
        found = visit.findings[step.name] = _take(step, visit)
        tell(step.name, found)
    return visit.findings


def _take(step: Step, visit: Visit) -> Finding:
    for needed in step.needs:
        earlier = visit.findings[needed]
        if earlier.verdict is Verdict.FAILED:
            return skipped(f"Cannot be judged after “{needed}” has failed.")
        if earlier.verdict is Verdict.SKIPPED and needed not in MAY_BE_SKIPPED:
            return skipped(earlier.what)
    try:
        return step.ask(visit)
    except NoAnswer as problem:
        return explain_no_answer(problem, visit.known_address)
    except OSError as problem:
        return failed(f"The connection broke: {problem}.", "Try again, and look at the network.")

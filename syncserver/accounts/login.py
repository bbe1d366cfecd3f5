"""The login: a name and a password against a host key or a token."""

import structlog

from syncserver import events, metrics
from syncserver.accounts.host_keys import HostKeys
from syncserver.accounts.login_throttle import LoginThrottle
from syncserver.accounts.tables import NAME_LENGTH
from syncserver.accounts.users import User, Users
from syncserver.errors import TooManyRequests, WrongCredentials

log = structlog.get_logger()


class Login:
    """Puts users, host keys and the throttle together."""

    def __init__(self, users: Users, keys: HostKeys, throttle: LoginThrottle) -> None:
        self._users = users
        self._keys = keys
        self._throttle = throttle

    def log_in(self, name: str, password: str, client_version: str, address: str) -> str:
        """Return a new host key. Raises WrongCredentials, TooManyRequests, ServerBusy."""
        user = self.verify(name, password, address)
        key = self._keys.issue(user, client_version, address)
        log.info(events.LOGIN, user=user.name, address=address, client_version=client_version)
        return key

    def verify(self, name: str, password: str, address: str) -> User:
        """Return whose name and password these are.

        Raises WrongCredentials, TooManyRequests, ServerBusy.
        """
        # The name may be anything that a client sends, and too long for a line of the log.
        to_log = log.bind(user=name[:NAME_LENGTH], address=address)
        try:
            user = self._check(name, password, address)
        except TooManyRequests as refusal:
            metrics.LOGINS["throttled"].inc()
            to_log.warning(
                events.LOGIN_THROTTLED,
                reason=refusal.cause,
                retry_after_seconds=refusal.retry_after_seconds,
            )
            raise
        if user is None:
            reason = "unknown_user" if self._users.find(name) is None else "wrong_password"
            metrics.LOGINS["failed"].inc()
            to_log.warning(events.LOGIN_FAILED, reason=reason)
            raise WrongCredentials("Wrong name or password.", cause=reason)
        metrics.LOGINS["accepted"].inc()
        return user

    def _check(self, name: str, password: str, address: str) -> User | None:
        # Before it waits for a turn: who is throttled takes no place in the queue.
        self._throttle.check(name, address)
        with self._users.passwords.turn():
            # And again, because of what failed while it waited. The result is counted before the
            # turn ends, so a burst of guesses gets no further than guesses one by one.
            self._throttle.check(name, address)
            user = self._users.check_password(name, password)
            if user is None:
                self._throttle.failed(name, address)
            else:
                self._throttle.succeeded(name)
            return user

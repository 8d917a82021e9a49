"""Every error Outdial raises on purpose.

    OutdialError
    ├── NotFound                 what was named does not exist                            404
    ├── NotAllowed               the request is understood, the state forbids it          409
    │   └── IllegalTransition    a status change that the life cycle does not have        409
    ├── InvalidInput             the caller's data cannot be used                         422
    │   ├── NotAPhoneNumber      a text that is no dialable telephone number              422
    │   └── NotARecipientList    a file that cannot be a list of recipients               422
    ├── Unauthorized             no key, or a key that is not valid                       401
    ├── NotConfigured            a setting is missing or contradicts another              500
    └── Unavailable              a server this process needs does not answer              503

The message says what happened, what was kept, and what to do. The HTTP status stands on the
class and is rendered by one handler (`campaigns.web.app`).
"""


class OutdialError(Exception):
    """Something Outdial can explain. `str(error)` is meant for the person who reads it."""

    status_code = 500


class NotFound(OutdialError):
    """What was named does not exist."""

    status_code = 404


class NotAllowed(OutdialError):
    """The request is understood, but the present state forbids it."""

    status_code = 409


class IllegalTransition(NotAllowed):
    """A status change that the life cycle does not have; the message lists what is legal."""


class InvalidInput(OutdialError):
    """The caller's data cannot be used; nothing was changed."""

    status_code = 422


class NotAPhoneNumber(InvalidInput):
    """A text that is no dialable telephone number; `reason` is a short code for reports."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotARecipientList(InvalidInput):
    """A file that cannot be a list of recipients; nothing was imported."""


class Unauthorized(OutdialError):
    """No key, or a key that is not valid."""

    status_code = 401


class NotConfigured(OutdialError):
    """A setting is missing or contradicts another one."""


class Unavailable(OutdialError):
    """A server this process needs does not answer."""

    status_code = 503

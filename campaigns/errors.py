"""Every error Outdial raises on purpose.

    OutdialError
    ├── NotFound                 what was named does not exist                            404
    ├── NotAllowed               the request is understood, the state forbids it          409
    │   ├── IllegalTransition    a status change that the life cycle does not have        409
    │   └── Outdated             it was changed since the version that was named          412
    ├── InvalidInput             the caller's data cannot be used                         422
    │   ├── NotAPhoneNumber      a text that is no dialable telephone number              422
    │   └── NotARecipientList    a file that cannot be a list of recipients               422
    ├── Unauthorized             no key, or a key that is not valid                       401
    │   └── SignInNeeded         nobody is signed in                                      401
    ├── Forbidden                the role of who asks does not allow it                   403
    │   └── NewPasswordNeeded    the password was given by somebody else                  403
    ├── TooManyRequests          asked too often; the error says when to ask again        429
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


class Outdated(NotAllowed):
    """It was changed since the version that the caller had seen; nothing was changed now."""

    status_code = 412


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


class SignInNeeded(Unauthorized):
    """Nobody is signed in, or the session is over."""


class Forbidden(OutdialError):
    """The role of who asks does not allow it; nothing was changed."""

    status_code = 403


class NewPasswordNeeded(Forbidden):
    """Who is signed in has a password that somebody else gave them, and must choose their own."""


class TooManyRequests(OutdialError):
    """Asked too often. `retry_after` is the whole seconds after which it may be asked again."""

    status_code = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotConfigured(OutdialError):
    """A setting is missing or contradicts another one."""


class Unavailable(OutdialError):
    """A server this process needs does not answer."""

    status_code = 503

"""Passwords: which are good enough, and what is kept of them."""

import secrets
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from campaigns.errors import InvalidInput, TooManyRequests

LEAST, MOST = 12, 128  # characters
GOOD_ENOUGH = 3  # of zxcvbn's 0 to 4: safely unguessable for who cannot read our database
OF_ITS_OWN = 8  # characters beside the words that anybody would try
JUDGED = 72  # characters; what follows can only make a password harder to guess
# Each takes 64 MB for a tenth of a second: a flood of sign-ins must take no more than two of them.
AT_ONCE = 2
IN_LINE = 6
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without letters that look like others

_hasher = PasswordHasher()
_working = threading.BoundedSemaphore(AT_ONCE)
_line = threading.BoundedSemaphore(IN_LINE)
# zxcvbn keeps the words of whoever is judged in a table of its module.
_judging = threading.Lock()


def check_password(password: str, *, words: Sequence[str]) -> None:
    """Raise `InvalidInput` for a password that is too short, too long or too easy to guess.

    `words` are what somebody who knows its owner would try: login, name, organisation.
    """
    plain = _plain(password)
    if len(plain) < LEAST:
        raise InvalidInput(
            f"The password has {len(plain)} characters; it needs {LEAST}. Four or five words that "
            "do not belong together make a good one."
        )
    if len(plain) > MOST:
        raise InvalidInput(f"The password has more than {MOST} characters. Take a shorter one.")
    known = ["outdial", *(part for word in words for part in (word, *_parts(word)))]
    why = _why_easy(plain, [word.lower() for word in known if len(word) > 2])
    if why is not None:
        raise InvalidInput(
            f"The password is too easy to guess{f': {why}' if why else ''}. "
            "Four or five words that do not belong together make a good one."
        )


def _why_easy(plain: str, known: Sequence[str]) -> str | None:
    """Why a password can be guessed; empty without a reason, None when it cannot."""
    left = plain.lower()
    for word in sorted(known, key=len, reverse=True):
        left = left.replace(word, "")
    if len(left) < OF_ITS_OWN:
        return "it is hardly more than your login or name"
    with _judging:
        judged = zxcvbn(plain[:JUDGED], user_inputs=known)
    if judged["score"] >= GOOD_ENOUGH:
        return None
    told = str(judged["feedback"]["warning"]).rstrip(".")
    return f"{told[:1].lower()}{told[1:]}"


def new_password() -> str:
    """A password of nearly 80 random bits that can be read out: "k7mq-x3hv-9rtw-pe4n"."""
    signs = [secrets.choice(ALPHABET) for _ in range(16)]
    return "-".join("".join(signs[at : at + 4]) for at in range(0, 16, 4))


def hash_password(password: str) -> str:
    """What is kept of a password: argon2id. Raises `TooManyRequests` when too many are at it."""
    with _room():
        return _hasher.hash(_bytes(_plain(password)))


def password_matches(kept: str, password: str) -> bool:
    """Whether a password is the one of which `kept` was made; takes as long when it is not.

    Raises `TooManyRequests` when too many are being compared.
    """
    plain = _plain(password)
    with _room():
        try:
            return _hasher.verify(kept, _bytes(plain)) and len(plain) <= MOST
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether a password should be hashed anew, with the parameters of today."""
    try:
        return _hasher.check_needs_rehash(kept)
    except InvalidHashError:
        return False


@lru_cache(maxsize=1)
def nobodys_hash() -> str:
    """Compared when the login is unknown, so that the answer takes as long as for a known one."""
    return _hasher.hash(secrets.token_urlsafe(16))


@contextmanager
def _room() -> Iterator[None]:
    """One of the few places; who finds the line full is sent away rather than kept waiting."""
    if not _line.acquire(blocking=False):
        raise TooManyRequests(
            "Too many people are signing in at this moment. Try again in a few seconds.",
            retry_after=5,
        )
    try:
        with _working:
            yield
    finally:
        _line.release()


def _plain(password: str) -> str:
    """The same password, however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)


def _bytes(plain: str) -> bytes:
    return plain[:MOST].encode("utf-8", "surrogatepass")


def _parts(word: str) -> list[str]:
    return "".join(sign if sign.isalnum() else " " for sign in word).split()

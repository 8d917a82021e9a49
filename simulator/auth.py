"""Who may call us, and how we sign what we send (SignalWire documents: webhook security)."""

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from urllib.parse import urlsplit, urlunsplit


class BasicAuth:
    """HTTP Basic: the project id is the user, the API token the password."""

    def __init__(self, project: str, token: str) -> None:
        self.project = project
        self._expected = b64encode(f"{project}:{token}".encode())

    def allows(self, header: str | None) -> bool:
        scheme, _, credentials = (header or "").partition(" ")
        offered = credentials.strip().encode("utf-8", "surrogateescape")
        return scheme.lower() == "basic" and hmac.compare_digest(offered, self._expected)


def project_of(header: str | None) -> str | None:
    """The project named in an Authorization header, whether or not its token is right."""
    try:
        decoded = b64decode((header or "").partition(" ")[2], validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, colon, _ = decoded.partition(":")
    return user if colon else None


def without_credentials(url: str) -> str:
    """The URL as it is signed: user and password in it are not part of the signed text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # no URL at all: sending to it will fail, which is not for us to say
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class Signer:
    """Signs `url + raw body` with the project's signing key, under both header names."""

    def __init__(self, signing_key: str) -> None:
        self._key = signing_key.encode()

    def headers(self, url: str, body: bytes) -> dict[str, str]:
        signed = without_credentials(url).encode("utf-8", "surrogatepass") + body
        return {
            "X-SignalWire-Signature": hmac.new(self._key, signed, hashlib.sha1).hexdigest(),
            "X-SignalWire-SHA256-Signature": hmac.new(
                self._key, signed, hashlib.sha256
            ).hexdigest(),
        }

    @staticmethod
    def forged_headers() -> dict[str, str]:
        """Headers of the right shape that no key ever made."""
        return {
            "X-SignalWire-Signature": "0" * 40,
            "X-SignalWire-SHA256-Signature": "0" * 64,
        }

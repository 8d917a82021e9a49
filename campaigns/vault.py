"""The installation's secret, and what is derived from it: signed tokens, encrypted credentials."""

import base64
import hashlib
import hmac
import json
import os
import secrets
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer

from campaigns.config import Settings, settings
from campaigns.errors import NotConfigured, NotFound

SECRET_FILE = "secret_key"
MINIMUM_LENGTH = 32


def secret_of(config: Settings) -> str:
    """The secret: from OUTDIAL_SECRET_KEY, else from the data directory, made there once."""
    if config.secret_key is not None:
        value = config.secret_key.get_secret_value()
        if len(value) < MINIMUM_LENGTH:
            raise NotConfigured(
                f"OUTDIAL_SECRET_KEY has {len(value)} characters; it needs {MINIMUM_LENGTH}."
            )
        return value
    path = config.data_dir / SECRET_FILE
    if not path.exists():
        _create(path)
    return path.read_text().strip()


def _create(path: Path) -> None:
    """Write a new secret so that of two processes starting together exactly one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # the other process was first, and its secret is the one that counts
    finally:
        draft.unlink()


def _derive(secret: str, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(
        secret.encode()
    )


class Vault:
    """Signs and encrypts with keys derived from one secret, a different key per purpose."""

    def __init__(self, secret: str) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(_derive(secret, "credentials")))
        self._attempts = URLSafeSerializer(
            _derive(secret, "attempt-tokens"),
            salt="attempt",
            signer_kwargs={"digest_method": hashlib.sha256},
        )
        self._audio = URLSafeSerializer(
            _derive(secret, "audio-tokens"),
            salt="audio",
            signer_kwargs={"digest_method": hashlib.sha256},
        )
        self._forms = _derive(secret, "forms")
        self._notes = URLSafeTimedSerializer(
            _derive(secret, "flash"),
            salt="flash",
            signer_kwargs={"digest_method": hashlib.sha256},
        )
        self._browsers = URLSafeTimedSerializer(
            _derive(secret, "known-browsers"),
            salt="browser",
            signer_kwargs={"digest_method": hashlib.sha256},
        )
        self.instance = hashlib.sha256(_derive(secret, "instance")).hexdigest()[:16]

    def attempt_token(self, attempt_id: int) -> str:
        """The unguessable name of one attempt in the URLs a provider calls."""
        return str(self._attempts.dumps(attempt_id))

    def attempt_of(self, token: str) -> int:
        """The attempt a token names; raises `NotFound` for anything we did not sign."""
        return _signed_id(self._attempts, token)

    def audio_token(self, audio_id: int) -> str:
        """The unguessable name of one audio in the addresses a provider fetches it from."""
        return str(self._audio.dumps(audio_id))

    def audio_of(self, token: str) -> int:
        """The audio a token names; raises `NotFound` for anything we did not sign."""
        return _signed_id(self._audio, token)

    def form_token(self, browser: bytes) -> str:
        """What a form carries to show that it came from our own page, in this very browser."""
        return hmac.new(self._forms, browser, hashlib.sha256).hexdigest()

    def seal_note(self, note: str) -> str:
        """A sentence on its way to the next page in a cookie, which nobody else can write."""
        return str(self._notes.dumps(note))

    def open_note(self, sealed: str, max_age: int) -> str | None:
        """The sentence, unless it is not ours or older than `max_age` seconds."""
        try:
            return str(self._notes.loads(sealed, max_age=max_age))
        except BadSignature:
            return None

    def seal_browser(self, name: str, login: str) -> str:
        """What tells a browser by which `login` has signed in, called `name` from then on."""
        return str(self._browsers.dumps([name, login]))

    def open_browser(self, sealed: str, login: str, max_age: int) -> str | None:
        """The browser's name, if `login` has signed in by it in the last `max_age` seconds."""
        try:
            name, known = self._browsers.loads(sealed, max_age=max_age)
        except (BadSignature, TypeError, ValueError):
            return None
        return str(name) if known == login else None

    def encrypt(self, values: dict[str, str]) -> bytes:
        """Encrypt an account's secrets for the database."""
        return self._fernet.encrypt(json.dumps(values).encode())

    def decrypt(self, sealed: bytes) -> dict[str, str]:
        """The secrets of an account; raises `NotConfigured` when the secret key is another one."""
        try:
            opened = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise NotConfigured(
                "The account's credentials were encrypted under another OUTDIAL_SECRET_KEY. "
                "Nothing was changed; set the former key, or enter the credentials again."
            ) from error
        return {str(name): str(value) for name, value in opened.items()}


def _signed_id(serializer: URLSafeSerializer, token: str) -> int:
    try:
        value = serializer.loads(token[:200])
    except BadSignature as error:
        raise NotFound("There is nothing at this address.") from error
    if not isinstance(value, int):
        raise NotFound("There is nothing at this address.")
    return value


@lru_cache(maxsize=1)
def vault() -> Vault:
    """This process's vault."""
    return Vault(secret_of(settings()))

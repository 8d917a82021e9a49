"""Secrets of endpoints, and the three headers by which a receiver knows who writes."""

import base64
import secrets
from datetime import datetime

from standardwebhooks import Webhook

from campaigns.notifying.events import message_id
from campaigns.store.outgoing import ClaimedDelivery
from campaigns.vault import Vault

SECRET_BYTES = 32


def new_secret() -> str:
    """A signing secret as the Standard Webhooks have it: `whsec_` and base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def seal(vault: Vault, secret: str) -> bytes:
    """The secret as it is stored."""
    return vault.encrypt({"secret": secret})


def headers_of(vault: Vault, one: ClaimedDelivery, body: str, now: datetime) -> dict[str, str]:
    """The headers that sign `body` at `now` (aware UTC): once per secret that is still good.

    Raises `NotConfigured` when the secrets were encrypted under another key.
    """
    name = message_id(one.key)
    sealed = [each for each in (one.secret, one.old_secret) if each is not None]
    signatures = [Webhook(vault.decrypt(each)["secret"]).sign(name, now, body) for each in sealed]
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }

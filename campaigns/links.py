"""The addresses a provider calls us under. Each carries the signed token of one attempt."""

from dataclasses import dataclass

from campaigns.config import Settings
from campaigns.vault import Vault


def public_url_of(config: Settings) -> str:
    """Where providers reach us: the setting, or the web process on loopback."""
    return (config.public_url or f"http://127.0.0.1:{config.port}").rstrip("/")


@dataclass(frozen=True, slots=True)
class Links:
    """All addresses of one attempt."""

    public_url: str
    provider: str
    token: str

    @classmethod
    def of(cls, attempt_id: int, provider: str, public_url: str, vault: Vault) -> "Links":
        """The addresses of `attempt_id`."""
        return cls(public_url, provider, vault.attempt_token(attempt_id))

    @property
    def flow(self) -> str:
        """Where the call-flow document is fetched when somebody answers."""
        return f"{self.public_url}/flows/{self.token}"

    @property
    def hook(self) -> str:
        """Where status events are sent."""
        return f"{self.public_url}/hooks/{self.provider}/{self.token}"

    def key(self, digit: str) -> str:
        """Where a keypress is sent, to be stored before the callee hears a reply."""
        return f"{self.flow}/keys/{digit}"

    def said(self, digit: str) -> str:
        """Where the reply to a stored keypress is fetched."""
        return f"{self.flow}/said/{digit}"

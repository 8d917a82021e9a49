"""The addresses a provider calls us under, each with the signed token of an attempt or an audio."""

from dataclasses import dataclass

from campaigns.config import Settings
from campaigns.vault import Vault


def public_url_of(config: Settings) -> str:
    """Where providers reach us: the setting, or the web process on loopback."""
    return (config.public_url or f"http://127.0.0.1:{config.port}").rstrip("/")


_EXTENSIONS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


def audio_path(audio_id: int, media_type: str, vault: Vault) -> str:
    """Where an audio is fetched, below any address of ours."""
    return f"/audio/{vault.audio_token(audio_id)}.{_EXTENSIONS[media_type]}"


@dataclass(frozen=True, slots=True)
class AudioLinks:
    """Where a provider fetches the audio that a call plays."""

    public_url: str
    vault: Vault

    def url(self, audio_id: int, media_type: str) -> str:
        """The address of one audio."""
        return f"{self.public_url}{audio_path(audio_id, media_type, self.vault)}"


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

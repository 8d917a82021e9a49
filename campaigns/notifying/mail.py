"""A mail when something pauses by itself: what paused, why, what was kept, what to do."""

import smtplib
import ssl
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from campaigns.config import Settings
from campaigns.errors import NotConfigured
from campaigns.links import public_url_of

SECONDS = 15.0
PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls_from_the_start: bool


@dataclass(frozen=True, slots=True)
class Mailer:
    """Who writes to whom, through which server; `pages` is where the pages are, when known."""

    server: MailServer
    sender: str
    recipients: tuple[str, ...]
    pages: str | None
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, config: Settings) -> "Mailer | None":
        """The mailer the settings describe; None without any. Raises `NotConfigured`."""
        if config.smtp_url is None:
            return None
        if not config.mail_from or not config.mail_to:
            raise NotConfigured(
                "OUTDIAL_SMTP_URL is set, and OUTDIAL_MAIL_FROM and OUTDIAL_MAIL_TO must be too."
            )
        server = _server(config.smtp_url.get_secret_value())
        return cls(server, config.mail_from, tuple(config.mail_to), _pages_of(config))

    def send(self, message: EmailMessage) -> None:
        """Hand one message in. Raises `OSError`, `smtplib.SMTPException` or `NotConfigured`."""
        server, tls = self.server, self.tls or ssl.create_default_context()
        with ExitStack() as opened:
            if server.tls_from_the_start:
                smtp: smtplib.SMTP = opened.enter_context(
                    smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=tls)
                )
            else:
                smtp = opened.enter_context(smtplib.SMTP(server.host, server.port, timeout=SECONDS))
                _secure(smtp, server, tls)
            if server.user is not None:
                smtp.login(server.user, server.password or "")
            smtp.send_message(message, self.sender, self.recipients)


def _secure(smtp: smtplib.SMTP, server: MailServer, tls: ssl.SSLContext) -> None:
    """Speak TLS when the server can; a password never crosses a network without it."""
    smtp.ehlo()
    if smtp.has_extn("starttls"):
        smtp.starttls(context=tls)
        smtp.ehlo()
    elif server.user is not None and not _is_this_machine(server.host):
        raise NotConfigured(
            f"{server.host} offers no TLS, so the password in OUTDIAL_SMTP_URL was not sent. "
            "Use another port, or smtps://."
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _server(url: str) -> MailServer:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotConfigured("OUTDIAL_SMTP_URL cannot be read.") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise NotConfigured("OUTDIAL_SMTP_URL must be smtp://user:password@host:587 or smtps://...")
    return MailServer(
        parts.hostname,
        port or PORTS[parts.scheme],
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        parts.scheme == "smtps",
    )


def _pages_of(config: Settings) -> str | None:
    """Where the pages are, unless the public URL only carries callbacks."""
    url = public_url_of(config)
    host = urlsplit(url).hostname or ""
    return url if host in {name.strip("[]").lower() for name in config.page_hosts} else None


def about(
    mailer: Mailer, kind: str, message_id: str, at: datetime, data: Mapping[str, Any]
) -> EmailMessage:
    """The mail about something that paused by itself, from its event. `kind` is the event's."""
    if kind == "caller_id.paused":
        return caller_id_paused(mailer, message_id, at, data)
    if kind == "campaign.paused_itself":
        return campaign_paused(mailer, message_id, at, data)
    return account_paused(mailer, message_id, at, data)


def account_paused(
    mailer: Mailer, message_id: str, at: datetime, data: Mapping[str, Any]
) -> EmailMessage:
    """The mail about an account that paused by itself, from the event's data."""
    account, campaigns = _line(data["account"]), data["campaigns"]
    parts = [
        f"The account {account} has paused itself and places no more calls.",
        f"When: {at:%Y-%m-%d %H:%M:%S} UTC",
        f"Why: {data['reason']}",
        _standing(campaigns),
        f"{KEPT} Everybody who was about to be called waits for their turn, and what was refused "
        "is not counted as a call. Nobody is forgotten and nobody is called twice.",
        "What to do: put right what the reason names, then resume the account, on the page of "
        f"accounts or with: outdial account resume {_quoted(account)}",
        *_links(mailer.pages, campaigns),
    ]
    return _message(mailer, f"the account {account} has paused itself", message_id, at, parts)


def caller_id_paused(
    mailer: Mailer, message_id: str, at: datetime, data: Mapping[str, Any]
) -> EmailMessage:
    """The mail about a caller id that paused by itself, from the event's data."""
    number, account = _line(data["caller_id"]), _line(data["account"])
    campaigns = data["campaigns"]
    shown = "\n".join(f"  - {_line(one['name'])} (campaign {one['id']})" for one in campaigns)
    parts = [
        f"The number {number} of the account {account} has paused itself and is shown no more.",
        f"When: {at:%Y-%m-%d %H:%M:%S} UTC",
        f"Why: {data['reason']}",
        "These running campaigns show it; those with further numbers go on with them, the others "
        f"stand still:\n{shown}"
        if campaigns
        else "No running campaign shows it.",
        f"{KEPT} Everybody who was about to be called waits for their turn.",
        "What to do: put right what the reason names, then resume the number, on the account's "
        f"page or with: outdial account resume-caller-id {_quoted(account)} {number}",
        *_links(mailer.pages, campaigns),
    ]
    return _message(mailer, f"the number {number} has paused itself", message_id, at, parts)


def campaign_paused(
    mailer: Mailer, message_id: str, at: datetime, data: Mapping[str, Any]
) -> EmailMessage:
    """The mail about a campaign that paused by itself, from the event's data."""
    campaign = data["campaign"]
    name = _line(campaign["name"])
    parts = [
        f"The campaign {name} has paused itself and calls nobody. Others go on.",
        f"When: {at:%Y-%m-%d %H:%M:%S} UTC",
        f"Why: it was {data['reason']}.",
        f"{KEPT} Everybody who was about to be called waits for their turn.",
        "What to do: look at its list, take out or put right what is wrong, then resume the "
        f"campaign, on its page or with: outdial campaign resume {campaign['id']}",
        *_links(mailer.pages, [campaign]),
    ]
    return _message(mailer, f"the campaign {name} has paused itself", message_id, at, parts)


KEPT = "What was kept: calls that ring or are answered go on to their end."


def _message(
    mailer: Mailer, subject: str, message_id: str, at: datetime, parts: list[str]
) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"Outdial: {subject}"
    message["From"] = mailer.sender
    message["To"] = ", ".join(mailer.recipients)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{message_id}@outdial.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(parts) + "\n")
    return message


def _standing(campaigns: list[dict[str, Any]]) -> str:
    if not campaigns:
        return "No campaign was running on it."
    names = "\n".join(f"  - {_line(one['name'])} (campaign {one['id']})" for one in campaigns)
    return f"These running campaigns stand still until it is resumed:\n{names}"


def _links(pages: str | None, campaigns: list[dict[str, Any]]) -> list[str]:
    if pages is None:
        return []
    return ["\n".join([f"{pages}/", *(f"{pages}/campaigns/{one['id']}" for one in campaigns)])]


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name

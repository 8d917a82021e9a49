"""Mail when an account pauses itself, handed to a real SMTP server, with the same retry."""

from asyncio import Server
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from pydantic import SecretStr

from campaigns.calls import Answer, DialAnswer
from campaigns.config import Settings
from campaigns.notifying.delivery import Courier, Outside
from campaigns.notifying.mail import Mailer
from campaigns.recording import record_answer
from tests.factories import make_attempt, make_recipient
from tests.integration.notifying.certificates import contexts_for


class AnyPort(Controller):
    """Takes whatever port is free; the library would look for it under the number 0."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Mailbox:
    """Takes in mail; refuses as long as it is told to."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.refusing = False

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:
        if self.refusing:
            return "451 Try later"
        self.envelopes.append(envelope)
        return "250 OK"

    @property
    def messages(self) -> list[EmailMessage]:
        return [
            message_from_bytes(one.original_content or b"", policy=policy.default)
            for one in self.envelopes
        ]


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def server(mailbox):
    made = AnyPort(mailbox, hostname="127.0.0.1", port=0)
    made.start()
    yield made
    made.stop()


def mailer_for(url: str) -> Mailer | None:
    return Mailer.of(
        Settings(
            smtp_url=SecretStr(url), mail_from="outdial@example.org", mail_to=["ann@example.org"]
        )
    )


@pytest.fixture
def deliver_through(engine, outside):
    """Delivers what is due with this mailer, and waits."""

    def run(mailer):
        courier = Courier(engine, Outside(outside.vault, outside.poster, mailer))
        courier.take()
        courier.close()

    return run


@pytest.fixture
def paused_itself(bench, campaign):
    """The account was refused a call and paused; the mail about it waits."""
    attempt = bench.run(make_attempt, bench.run(make_recipient, campaign), "dialing")
    answer = DialAnswer(Answer.FAULT, reason="the balance is used up")
    bench.run(record_answer, attempt.id, "worker", answer, bench.now())


@pytest.mark.usefixtures("paused_itself")
def test_the_people_in_the_settings_are_told(bench, mailbox, server, deliver_through, campaign):
    deliver_through(mailer_for(f"smtp://127.0.0.1:{server.port}"))
    (message,) = mailbox.messages
    assert message["To"] == "ann@example.org"
    assert mailbox.envelopes[0].mail_from == "outdial@example.org"
    text = message.get_content()
    assert "the balance is used up" in text
    assert f"{campaign.name} (campaign {campaign.id})" in text
    assert bench.value("SELECT status FROM webhook_deliveries") == "delivered"


@pytest.mark.usefixtures("paused_itself")
def test_a_mail_that_is_refused_is_sent_again_later(bench, mailbox, server, deliver_through):
    mailer = mailer_for(f"smtp://127.0.0.1:{server.port}")
    mailbox.refusing = True
    deliver_through(mailer)
    ((status, tries, error),) = bench.rows("SELECT status, tries, error FROM webhook_deliveries")
    assert (status, tries) == ("waiting", 1)
    assert "451" in error
    mailbox.refusing = False
    deliver_through(mailer)
    assert mailbox.envelopes == [], "not before its time"
    bench.rows("UPDATE webhook_deliveries SET due_at = now()")
    deliver_through(mailer)
    assert len(mailbox.envelopes) == 1
    assert bench.value("SELECT status FROM webhook_deliveries") == "delivered"


@pytest.mark.usefixtures("paused_itself")
def test_without_a_mail_server_the_record_says_that_nobody_was_told(bench, deliver_through):
    deliver_through(None)
    ((status, error),) = bench.rows("SELECT status, error FROM webhook_deliveries")
    assert status == "given_up"
    assert "OUTDIAL_SMTP_URL" in error


@pytest.mark.usefixtures("paused_itself")
def test_a_password_is_sent_over_tls_alone(bench, mailbox, tmp_path, deliver_through):
    served, trusting = contexts_for("localhost", tmp_path)
    logins = []

    def authenticate(server, session, _envelope, _mechanism, data):
        logins.append((session.ssl is not None, data.login, data.password))
        return AuthResult(success=True)

    strict = AnyPort(
        mailbox,
        hostname="127.0.0.1",
        port=0,
        tls_context=served,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    strict.start()
    try:
        made = mailer_for(f"smtp://ann:p%40ss@localhost:{strict.port}")
        assert made is not None
        deliver_through(Mailer(made.server, made.sender, made.recipients, made.pages, trusting))
    finally:
        strict.stop()
    assert logins == [(True, b"ann", b"p@ss")]
    assert len(mailbox.envelopes) == 1

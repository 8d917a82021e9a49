"""The mail about an account that paused by itself, and the settings it needs."""

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from pydantic import SecretStr

from campaigns.config import Settings
from campaigns.errors import NotConfigured
from campaigns.notifying.mail import Mailer, about, account_paused

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
DATA = {
    "account": "main line",
    "by": "itself",
    "reason": "A call was refused with “the balance is used up”.",
    "campaigns": [
        {"id": 3, "name": "Elm Street\r\nBcc: x@example.org", "kind": "reminder"},
        {"id": 8, "name": "Water is off", "kind": "announcement"},
    ],
}


def config(**named: Any) -> Settings:
    values: dict[str, Any] = {
        "smtp_url": SecretStr("smtp://mail.example.org"),
        "mail_from": "Outdial <outdial@example.org>",
        "mail_to": ["ann@example.org", "bob@example.org"],
    }
    return Settings(**values | named)


def mailer(**named: Any) -> Mailer:
    made = Mailer.of(config(**named))
    assert made is not None
    return made


def text_of(message: EmailMessage) -> str:
    return str(message.get_content())


def test_the_mail_says_what_paused_why_what_was_kept_and_what_to_do():
    message = account_paused(mailer(), "msg_1", AT, DATA)
    assert message["Subject"] == "Outdial: the account main line has paused itself"
    assert message["To"] == "ann@example.org, bob@example.org"
    assert message["Message-ID"] == "<msg_1@outdial.invalid>"
    text = text_of(message)
    assert "2026-03-01 09:30:00 UTC" in text
    assert "Why: A call was refused with “the balance is used up”." in text
    assert "  - Water is off (campaign 8)\n" in text
    assert "Nobody is forgotten" in text
    assert 'outdial account resume "main line"' in text


def test_a_name_with_a_line_break_adds_no_header():
    message = account_paused(mailer(), "msg_1", AT, DATA | {"account": "a\r\nBcc: x@example.org"})
    assert message["Bcc"] is None
    assert "Elm Street Bcc: x@example.org (campaign 3)" in text_of(message)


def test_an_account_without_campaigns_is_told_as_such():
    text = text_of(account_paused(mailer(), "msg_1", AT, DATA | {"campaigns": []}))
    assert "No campaign was running on it." in text


def test_the_mail_leads_to_the_pages_where_they_are_shown():
    shown = mailer(public_url="https://outdial.example.org/", page_hosts=["outdial.example.org"])
    text = text_of(account_paused(shown, "msg_1", AT, DATA))
    assert "https://outdial.example.org/campaigns/8\n" in text


def test_the_mail_does_not_lead_to_a_tunnel_that_shows_no_pages():
    text = text_of(account_paused(mailer(public_url="https://tunnel.example"), "msg_1", AT, DATA))
    assert "tunnel.example" not in text


def test_without_a_server_there_is_no_mailer():
    assert Mailer.of(config(smtp_url=None)) is None


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"mail_to": []}, "OUTDIAL_MAIL_TO"),
        ({"mail_from": None}, "OUTDIAL_MAIL_FROM"),
        ({"smtp_url": SecretStr("mail.example.org")}, "must be smtp://"),
        ({"smtp_url": SecretStr("http://mail.example.org")}, "must be smtp://"),
        ({"smtp_url": SecretStr("smtp://mail.example.org:mail")}, "cannot be read"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(named, said):
    with pytest.raises(NotConfigured, match=said):
        Mailer.of(config(**named))


def test_the_server_is_read_from_its_url():
    server = mailer(smtp_url=SecretStr("smtps://ann:p%40ss@mail.example.org")).server
    assert (server.host, server.port, server.user) == ("mail.example.org", 465, "ann")
    assert server.password == "p@ss"
    assert server.tls_from_the_start
    assert mailer().server.port == 587


def test_the_mail_about_a_number_says_which_campaigns_show_it_and_how_to_resume_it():
    data = DATA | {"caller_id": "+12015550199", "reason": "12 of the last 20 calls failed"}
    message = about(mailer(), "caller_id.paused", "msg_1", AT, data)
    assert message["Subject"] == "Outdial: the number +12015550199 has paused itself"
    text = text_of(message)
    assert "Why: 12 of the last 20 calls failed" in text
    assert "  - Water is off (campaign 8)\n" in text
    assert 'outdial account resume-caller-id "main line" +12015550199' in text
    alone = text_of(about(mailer(), "caller_id.paused", "msg_1", AT, data | {"campaigns": []}))
    assert "No running campaign shows it." in alone


def test_the_mail_about_a_campaign_says_why_and_how_to_resume_it():
    data = {
        "campaign": {"id": 8, "name": "Water is off\r\nBcc: x@example.org", "kind": "announcement"},
        "account": "main line",
        "reason": "paused: 12 of the last 20 numbers do not exist",
    }
    message = about(mailer(), "campaign.paused_itself", "msg_1", AT, data)
    assert message["Bcc"] is None
    assert message["Subject"].startswith("Outdial: the campaign Water is off")
    text = text_of(message)
    assert "12 of the last 20 numbers do not exist" in text
    assert "outdial campaign resume 8" in text


def test_an_account_is_told_of_as_before():
    told = about(mailer(), "account.paused", "msg_1", AT, DATA)
    assert told["Subject"] == account_paused(mailer(), "msg_1", AT, DATA)["Subject"]

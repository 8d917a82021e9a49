"""Drafts: begun without texts, changed piece by piece, deleted; never changed after the start."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from campaigns import audio
from campaigns.access import CLI
from campaigns.campaigning import campaign_by_id, start_campaign
from campaigns.changing import clone_campaign
from campaigns.db import database_now, transaction
from campaigns.drafting import (
    CampaignDraft,
    CampaignEdit,
    begin_draft,
    delete_draft,
    edit_draft,
    is_written,
    seen_steps,
)
from campaigns.errors import InvalidInput, NotAllowed
from campaigns.models import AuditEntry, CallerId, Campaign, Flow, Recipient
from tests.integration.reporting.seed import make_account, make_recipient
from tests.integration.wizard.setting import LIVE_URL, edit, import_text, kept, make_draft
from tests.sounds import wav


def test_a_draft_without_texts_is_never_started(engine, tmp_path):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path)
    with transaction(engine) as session, pytest.raises(NotAllowed, match="not written yet"):
        start_campaign(session, campaign_id, database_now(session))
    edit(engine, campaign_id, message="The water is off.")
    with transaction(engine) as session:
        started = start_campaign(session, campaign_id, database_now(session))
        assert started.status == "running"


def test_other_changes_do_not_make_texts_of_nothing(engine):
    campaign_id = make_draft(engine, "reminder")
    edit(engine, campaign_id, windows="mon-fri 10:00-12:00", ring_timeout=20)
    with transaction(engine) as session:
        campaign = campaign_by_id(session, campaign_id)
        assert not is_written(campaign)
        assert campaign.ring_timeout == 20
        assert campaign.windows["mon"] == [["10:00", "12:00"]]


def test_a_copy_of_an_unwritten_draft_is_unwritten(engine):
    campaign_id = make_draft(engine)
    with transaction(engine) as session:
        copy = clone_campaign(session, campaign_id, CLI, database_now(session))
        assert not is_written(copy)


def test_what_is_left_out_of_an_edit_stays(engine):
    campaign_id = make_draft(engine, "reminder")
    edit(engine, campaign_id, organisation="Clinic", offset="48h", max_cps=0.5, name="Other")
    edit(engine, campaign_id, deadline="2h")
    found = kept(engine, campaign_id)
    assert (found["organisation"], found["offset"], found["deadline"]) == ("Clinic", 172800, 7200)
    assert (found["max_cps"], found["name"]) == (0.5, "Other")
    with transaction(engine) as session:
        flow = session.get_one(Flow, campaign_by_id(session, campaign_id).flow_id)
        assert "Clinic" in flow.definition["message"]


def test_what_does_not_go_together_changes_nothing(engine):
    campaign_id = make_draft(engine)
    edit(engine, campaign_id, message="Hello {name}.")
    before = kept(engine, campaign_id)
    for wrong in (
        {"message": "Hello {name"},
        {"offset": 3600},
        {"windows": "never"},
        {"message": "", "name": "New"},
        {"retry_policy": {"max_attempts": 99}},
    ):
        with pytest.raises(InvalidInput):
            edit(engine, campaign_id, **wrong)
    assert kept(engine, campaign_id) == before


def test_a_whole_flow_and_texts_take_each_others_place(engine):
    campaign_id = make_draft(engine)
    flow = {"kind": "announcement", "message": "A flow of its own."}
    edit(engine, campaign_id, flow=flow)
    assert kept(engine, campaign_id)["flow"]["message"] == "A flow of its own."
    edit(engine, campaign_id, message="A text again.")
    found = kept(engine, campaign_id)
    assert found["message"] == "A text again."
    assert found.get("flow") is None


def test_a_recording_is_played_in_place_of_the_text(engine):
    campaign_id = make_draft(engine)
    with transaction(engine) as session:
        kept = audio.keep_audio(session, "hello.wav", wav(), CLI, database_now(session))
        sha256 = kept.row.sha256
    edit(engine, campaign_id, audio=sha256, voicemail="leave_message")
    with transaction(engine) as session:
        definition = session.get_one(Flow, campaign_by_id(session, campaign_id).flow_id).definition
    assert definition["message"] == {"audio": sha256}
    assert definition["voicemail"]["text"] == {"audio": sha256}
    with pytest.raises(InvalidInput, match="not both"):
        edit(engine, campaign_id, message="Both.")


def test_another_account_brings_its_own_number_and_rules(engine):
    campaign_id = make_draft(engine)
    with transaction(engine) as session:
        make_account(session, "real", live=True, base_url=LIVE_URL, caller_ids=("+12125550188",))
    edit(engine, campaign_id, account="real")
    with transaction(engine) as session:
        campaign = campaign_by_id(session, campaign_id)
        assert session.get_one(CallerId, campaign.caller_id_id).number == "+12125550188"
        assert campaign.rule_set == "house"


def test_people_read_for_practice_are_not_given_to_a_live_account(engine):
    campaign_id = make_draft(engine)
    with transaction(engine) as session:
        make_account(session, "real", live=True, base_url=LIVE_URL, caller_ids=("+12125550188",))
        make_recipient(session, campaign_id, 1)
    with pytest.raises(NotAllowed, match="read for practice"):
        edit(engine, campaign_id, account="real")
    with transaction(engine) as session:
        assert campaign_by_id(session, campaign_id).rule_set == "practice"


def test_people_are_planned_anew_when_the_offset_changes(engine):
    campaign_id = make_draft(engine, "reminder")
    with transaction(engine) as session:
        now = database_now(session)
        day = timedelta(days=1)
        soon = make_recipient(
            session, campaign_id, 1, appointment_at=now + 10 * day, next_attempt_at=now + 9 * day
        )
        late = make_recipient(
            session, campaign_id, 2, appointment_at=now + day / 2, next_attempt_at=now
        )
    edit(engine, campaign_id, offset="4d", deadline="1d")
    with transaction(engine) as session:
        far, near = session.get_one(Recipient, soon), session.get_one(Recipient, late)
        assert far.next_attempt_at == now + 6 * day
        assert far.deadline_at == now + 9 * day
        assert (near.status, near.reason, near.next_attempt_at) == (
            "expired",
            "deadline passed",
            None,
        )
    edit(engine, campaign_id, offset="4d", deadline="1h")
    with transaction(engine) as session:
        assert session.get_one(Recipient, late).status == "pending"


def test_an_edit_is_in_the_audit_log_with_what_was_before(engine):
    campaign_id = make_draft(engine)
    edit(engine, campaign_id, ring_timeout=45)
    edit(engine, campaign_id, ring_timeout=45)
    with transaction(engine) as session:
        found = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "campaign.edit")
        ).all()
    assert [(one.before, one.after) for one in found] == [
        ({"ring_timeout": 30}, {"ring_timeout": 45})
    ]


def test_seen_steps_are_remembered_across_edits(engine):
    campaign_id = make_draft(engine)
    for step in ("when", "pace"):
        with transaction(engine) as session:
            edit_draft(session, campaign_id, CampaignEdit(), CLI, database_now(session), seen=step)
    edit(engine, campaign_id, ring_timeout=45)
    with transaction(engine) as session:
        assert seen_steps(campaign_by_id(session, campaign_id)) == {"when", "pace"}


def test_a_started_campaign_is_neither_edited_nor_deleted(engine, tmp_path):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path)
    edit(engine, campaign_id, message="The water is off.")
    with transaction(engine) as session:
        start_campaign(session, campaign_id, database_now(session))
    with pytest.raises(NotAllowed, match="running"):
        edit(engine, campaign_id, ring_timeout=45)
    with transaction(engine) as session, pytest.raises(NotAllowed, match="running"):
        delete_draft(session, campaign_id, CLI, database_now(session))


def test_a_deleted_draft_leaves_nothing_but_its_audit_entry(engine, tmp_path):
    campaign_id = make_draft(engine)
    import_text(engine, campaign_id, tmp_path, "Name,Phone\nAda,+12125550143\nBad,12\n")
    with transaction(engine) as session:
        delete_draft(session, campaign_id, CLI, database_now(session))
    with transaction(engine) as session:
        for table in ("campaigns", "recipients", "imports", "import_rejects", "search_words"):
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0, table
        assert session.scalars(select(AuditEntry.action)).all()[-1] == "campaign.delete"


def test_practice_may_call_at_once_and_real_people_only_at_decent_hours(engine):
    with transaction(engine) as session:
        make_account(session, "sim")
        make_account(session, "real", live=True, base_url=LIVE_URL)
        practice = begin_draft(session, "One", "announcement", "sim")
        real = begin_draft(session, "Two", "announcement", "real")
        assert len(practice.windows) == 7
        assert set(real.windows) == {"mon", "tue", "wed", "thu", "fri"}


def test_a_campaign_of_the_api_can_be_gone_on_with(engine):
    with transaction(engine) as session:
        make_account(session)
        asked = CampaignDraft.read(
            {"name": "A", "kind": "reminder", "account": "sim", "organisation": "Clinic"}
        )
        from_api = asked.as_new_campaign()
        assert from_api.draft is not None
        assert from_api.draft["wording"]["organisation"] == "Clinic"
        assert session.scalars(select(Campaign)).all() == []

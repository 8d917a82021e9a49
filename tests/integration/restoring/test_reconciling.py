"""What a restored database learns from the providers, and whom it lets be called again."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from campaigns import restoring
from campaigns.calls import CallEvent, EventKind, LoggedCall
from campaigns.db import transaction
from campaigns.errors import Unavailable
from campaigns.lifecycle import Disposition
from campaigns.proving.database import prove_database
from campaigns.store import dispatch, installation
from tests.factories import make_account, make_attempt, make_campaign, make_recipient

CALLER = "+12015550199"


class Scene:
    """A campaign in a database that was restored two hours ago."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with transaction(engine) as session:
            self.account = make_account(session, caller_ids=(CALLER,))
            self.campaign = make_campaign(session, self.account)
            self.now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        self.calls: list[LoggedCall] = []

    def restored(self) -> None:
        with transaction(self.engine) as session:
            restoring.note_restored(session, "It was restored.", self.now - timedelta(hours=2))

    def person(self, **columns: Any) -> Any:
        with transaction(self.engine) as session:
            return make_recipient(session, columns.pop("campaign", self.campaign), **columns)

    def person_on_the_phone(self) -> Any:
        """Somebody whose call was under way when the backup was made."""
        claimed = self.now - timedelta(hours=2)
        with transaction(self.engine) as session:
            person = make_recipient(session, session.merge(self.campaign))
            make_attempt(session, person, "dialing", claimed_at=claimed, slot_at=claimed)
            return person

    def called(self, number: str, ended: Disposition, minutes: float = 60, **over: Any) -> None:
        call_id = over.pop("id", f"call-{len(self.calls)}")
        event = CallEvent(
            EventKind.ENDED, f"lookup:{call_id}", provider_call_id=call_id, disposition=ended
        )
        values: dict[str, Any] = {"to": number, "caller_id": CALLER, "event": event, "id": call_id}
        values["created_at"] = self.now - timedelta(minutes=minutes)
        self.calls.append(LoggedCall(**values | over))

    def reconcile(self, **options: Any) -> restoring.Reconciled:
        with transaction(self.engine) as session:
            return restoring.reconcile(session, lambda *_: self.calls, **options)

    def row(self, recipient: Any) -> Any:
        with transaction(self.engine) as session:
            sql = "SELECT status, reason, next_attempt_at FROM recipients WHERE id = :id"
            return session.execute(text(sql), {"id": recipient.id}).one()

    def attempts(self, recipient: Any) -> list[Any]:
        with transaction(self.engine) as session:
            sql = """
                SELECT status, disposition, provider_call_id FROM attempts
                WHERE recipient_id = :id ORDER BY n
            """
            return list(session.execute(text(sql), {"id": recipient.id}).all())


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    made = Scene(engine)
    yield made
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM restorations"))


def enabled(scene: Scene) -> bool:
    with transaction(scene.engine) as session:
        return dispatch.dialing_enabled(session)


def test_who_answered_is_reviewed_and_who_did_not_is_tried_again_later(scene: Scene) -> None:
    answered, busy, waiting = (scene.person() for _ in range(3))
    scene.called(answered.numbers[0], Disposition.ANSWERED)
    scene.called(busy.numbers[0], Disposition.BUSY)
    scene.restored()
    found = scene.reconcile()
    assert (found.calls, found.known, found.booked, found.to_review) == (2, 0, 2, 1)
    assert scene.row(answered).status == "review"
    assert "which key" in scene.row(answered).reason
    assert scene.attempts(answered) == [("ended", "answered", "call-0")]
    assert scene.row(busy).status == "pending"
    assert scene.row(busy).next_attempt_at > scene.now
    assert scene.attempts(busy) == [("ended", "busy", "call-1")]
    assert scene.row(waiting).status == "pending"
    assert scene.attempts(waiting) == []
    assert enabled(scene)


def test_a_call_is_booked_though_the_lost_clock_was_an_hour_ahead(scene: Scene) -> None:
    """By its clock, which marked the database last, the call was made long before."""
    busy, too_old = scene.person(), scene.person()
    scene.called(busy.numbers[0], Disposition.BUSY, minutes=180)
    scene.restored()
    found = scene.reconcile()
    assert (found.calls, found.booked) == (1, 1)
    assert scene.attempts(busy) == [("ended", "busy", "call-0")]
    assert scene.attempts(too_old) == []
    assert found.lost_since > scene.now - timedelta(minutes=123)


def test_an_earlier_call_may_be_one_whose_id_nobody_told(scene: Scene) -> None:
    person = scene.person(status="review")
    with transaction(scene.engine) as session:
        at = scene.now - timedelta(minutes=180)
        make_attempt(session, person, "ended", claimed_at=at, slot_at=at, disposition="unknown")
    scene.called(person.numbers[0], Disposition.BUSY, minutes=179)
    scene.called(person.numbers[0], Disposition.BUSY, minutes=60)
    scene.restored()
    found = scene.reconcile()
    assert (found.calls, found.known, found.booked) == (2, 1, 1)
    assert [one.provider_call_id for one in scene.attempts(person)] == [None, "call-1"]


def test_calls_that_stand_in_the_books_are_left_alone(scene: Scene) -> None:
    person = scene.person()
    with transaction(scene.engine) as session:
        make_attempt(session, person, "ended", provider_call_id="call-0")
    scene.called(person.numbers[0], Disposition.ANSWERED)
    scene.restored()
    found = scene.reconcile()
    assert (found.calls, found.known, found.booked) == (1, 1, 0)
    assert len(scene.attempts(person)) == 1


def test_every_call_of_one_person_is_booked_in_its_order(scene: Scene) -> None:
    person = scene.person()
    for minutes in (30, 90, 60):
        scene.called(person.numbers[0], Disposition.NO_ANSWER, minutes)
    scene.restored()
    assert scene.reconcile().booked == 3
    assert [one[2] for one in scene.attempts(person)] == ["call-1", "call-2", "call-0"]
    assert scene.row(person).status == "exhausted"


def test_the_books_can_be_proved_with_calls_that_were_forgotten(scene: Scene) -> None:
    """How they were claimed nobody knows any more; that they were made is in the books."""
    for _ in range(2):
        person = scene.person()
        for minutes in (90, 60):
            scene.called(person.numbers[0], Disposition.NO_ANSWER, minutes)
    scene.restored()
    assert scene.reconcile().booked == 4
    found = {proof.name: proof for proof in prove_database(scene.engine)}
    assert [told for proof in found.values() for told in proof.examples] == []
    assert found["posted_once"].rows == 4
    assert found["in_slot"].rows == 0


def test_a_call_that_was_under_way_when_the_backup_was_made_gets_its_end(scene: Scene) -> None:
    person = scene.person_on_the_phone()
    scene.called(person.numbers[0], Disposition.NO_ANSWER, minutes=119.9)
    scene.restored()
    found = scene.reconcile()
    assert (found.booked, found.still_in_doubt) == (1, 0)
    assert scene.attempts(person) == [("ended", "no_answer", "call-0")]
    assert scene.row(person).status == "pending"


def test_a_second_call_beside_one_that_is_still_open_is_for_a_person_to_judge(
    scene: Scene,
) -> None:
    person = scene.person_on_the_phone()
    scene.called(person.numbers[0], Disposition.NO_ANSWER, minutes=30)
    scene.restored()
    found = scene.reconcile()
    assert (found.booked, found.still_in_doubt) == (1, 0)
    assert [one[1] for one in scene.attempts(person)] == ["unknown", "no_answer"]
    assert scene.row(person).status == "review"


def test_whoever_shares_the_number_is_reviewed_since_nobody_knows_who_was_meant(
    scene: Scene,
) -> None:
    with transaction(scene.engine) as session:
        other = make_campaign(session, scene.account)
    number = "+12125550177"
    one, another = scene.person(numbers=[number]), scene.person(numbers=[number], campaign=other)
    scene.called(number, Disposition.BUSY)
    scene.restored()
    scene.reconcile()
    assert scene.row(one).status == "pending"
    assert scene.row(another).status == "review"


def test_numbers_of_a_list_that_was_forgotten_are_held(scene: Scene) -> None:
    scene.called("+12125550178", Disposition.ANSWERED)
    scene.restored()
    found = scene.reconcile(hold=timedelta(days=30))
    assert found.held == ("+12125550178",)
    with transaction(scene.engine) as session:
        row = session.execute(text("SELECT number, evidence, expires_at FROM opt_outs")).one()
    assert row.number == "+12125550178"
    assert "forgotten" in row.evidence
    assert row.expires_at > scene.now + timedelta(days=29)


def test_calls_with_another_caller_id_are_not_ours(scene: Scene) -> None:
    person = scene.person()
    scene.called(person.numbers[0], Disposition.ANSWERED, caller_id="+12015550100")
    scene.restored()
    assert scene.reconcile().calls == 0
    assert scene.row(person).status == "pending"


def test_a_provider_that_cannot_be_asked_leaves_everything_as_it_is(scene: Scene) -> None:
    person = scene.person()
    scene.restored()

    def away(*_: object) -> list[LoggedCall]:
        raise Unavailable("The log could not be read.")

    with pytest.raises(Unavailable), transaction(scene.engine) as session:
        restoring.reconcile(session, away)
    with transaction(scene.engine) as session:
        assert installation.open_restoration(session) is not None
    assert not enabled(scene)
    assert scene.row(person).status == "pending"


def test_dialling_that_was_off_before_stays_off(scene: Scene) -> None:
    with scene.engine.begin() as connection:
        connection.execute(text("UPDATE dialing_switch SET enabled = false, reason = 'lunch'"))
    scene.restored()
    scene.reconcile()
    assert not enabled(scene)

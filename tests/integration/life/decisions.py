"""What Outdial decides by itself about campaigns: each row brings it about, and the log says it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import null

from campaigns import (
    campaigning,
    foreseeing,
    guarding,
    recurring,
    restoring,
    slowing,
    sweeping,
    tallying,
)
from campaigns.access import SYSTEM
from campaigns.calls import Answer, DialAnswer
from campaigns.dispatcher import OpenHours, TickRules, tick
from campaigns.flows.builtin import announcement_flow
from campaigns.importing import ImportOptions
from campaigns.notifying import delivery
from campaigns.notifying.posting import Reply
from campaigns.recording import record_answer
from campaigns.recurring import NewRecurrence, Reader
from campaigns.ruling import adopting
from tests.factories import (
    fiction_number,
    lead,
    make_attempt,
    make_caller_id,
    make_flow,
    make_recipient,
    make_recipients,
    open_for_business,
)
from tests.integration.core.conftest import said, tell
from tests.integration.life.changes import Row
from tests.integration.life.world import ADA, World


def _on_schedule(w: World) -> None:
    w.campaign("scheduled", starts_at=w.bench.now() - timedelta(minutes=1))
    w.do(campaigning.start_scheduled_campaigns)


def _end_came(w: World) -> None:
    w.campaign(ends_at=w.bench.now() - timedelta(minutes=1))
    w.do(campaigning.stop_ended_campaigns)


def _completed(w: World) -> None:
    campaign = w.campaign()
    w.bench.rows("DELETE FROM recipients WHERE campaign_id = :id", id=campaign.id)
    w.person(campaign, status="completed")
    w.do(campaigning.complete_drained_campaigns)


def _expired(w: World, **columns: Any) -> None:
    campaign = w.reminder(**columns)
    w.bench.rows(
        "UPDATE recipients SET deadline_at = now() - interval '1 minute' WHERE campaign_id = :id",
        id=campaign.id,
    )
    sweeping.expire_deadlines(w.bench.engine)


def _expired_in_a_tick(w: World) -> None:
    campaign = w.reminder()
    w.bench.rows(
        "UPDATE recipients SET deadline_at = now() - interval '1 minute', "
        "next_attempt_at = now() - interval '1 hour' WHERE campaign_id = :id",
        id=campaign.id,
    )
    w.bench.run(open_for_business)
    leadership = w.bench.run(lead)
    w.bench.run(tick, leadership, TickRules(lease=3600.0), w.bench.now(), OpenHours())
    w.bench.rows("UPDATE leases SET expires_at = now() - interval '1 hour'")


def _imported(w: World) -> None:
    w.imported(w.campaign("draft"), ["phone", fiction_number()])


# Their appointments are at times of the callee's, so it has to be clear which zone that is.
IN_ONE_ZONE = "+12125550150", "+12125550151"


def _listed_anew(second: Callable[[str, Any], Sequence[str]], **options: Any) -> Any:
    def does(w: World) -> None:
        campaign, number = w.reminder("draft"), IN_ONE_ZONE[0]
        week = w.bench.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=7)
        asked = {"date_format": "YYYY-MM-DD HH:MM"}
        w.imported(campaign, ["phone,appointment", f"{number},{week.isoformat()}"], **asked)
        w.imported(campaign, ["phone,appointment", *second(number, week)], **asked, **options)

    return does


def _moved(number: str, week: Any) -> Sequence[str]:
    return [f"{number},{(week + timedelta(days=1)).isoformat()}", "x,y"]


def _gone(_: str, week: Any) -> Sequence[str]:
    return [f"{IN_ONE_ZONE[1]},{week.isoformat()}", "x,y"]


def _hurried(w: World) -> Any:
    campaign = w.reminder(account=w.account(cps=0.001))
    soon = w.bench.now() + timedelta(hours=1)
    w.bench.run(make_recipients, campaign, 30, deadline_at=soon)
    w.do(foreseeing.foresee)
    return campaign


def _not_hurried_any_more(w: World) -> None:
    campaign = _hurried(w)
    w.bench.rows("DELETE FROM recipients WHERE campaign_id = :id", id=campaign.id)
    w.do(foreseeing.foresee)


def _calls_fail(disposition: str, numbers: int = 1) -> Callable[[World], None]:
    def does(w: World) -> None:
        campaign = w.campaign()
        if numbers > 1:
            account = w.bench.run(lambda s: s.get_one(type(w.account()), campaign.account_id))
            other = w.bench.run(make_caller_id, account, "+16465550101")
            w.ended(campaign, "answered_human")
            w.bench.rows("UPDATE attempts SET caller_id_id = :id", id=other.id)
        w.ended(campaign, disposition)
        guarding.watch(w.bench.engine)
        w.bench.rows("DELETE FROM attempt_numbers")
        w.bench.rows("DELETE FROM attempts")

    return does


def _calls_meet_silence(w: World) -> None:
    campaign = w.campaign(rule_set="house", purpose="marketing", voice="recorded")
    at = w.bench.now() - timedelta(hours=1)
    silent = {
        "disposition": "answered",
        **dict.fromkeys(("slot_at", "claimed_at", "answered_at", "ended_at"), at),
        "gate_inputs": {"country": "US", "zones": ["America/New_York"]},
    }

    def act(session: Any) -> None:
        for one in range(50):  # one in twelve hears nothing
            who = make_recipient(session, session.merge(campaign), status="exhausted")
            make_attempt(session, who, "ended", served_at=null() if one < 4 else at, **silent)

    w.bench.run(act)
    guarding.watch(w.bench.engine)


def _answered(answer: Answer) -> Callable[[World], None]:
    def does(w: World) -> None:
        campaign = w.campaign()
        attempt = w.bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "dialing"))
        told = DialAnswer(answer, reason="no permission")
        w.do(lambda s, now: record_answer(s, attempt.id, "worker", told, now))

    return does


def _incident(w: World) -> None:
    campaign = w.campaign()
    attempt = w.bench.run(lambda s: make_attempt(s, make_recipient(s, campaign), "cancelled"))
    tell(w.bench, attempt.id, said("ringing", "call-9"))


def _full_again(w: World) -> None:
    one = w.account()
    w.bench.set("accounts", one.id, slowed_part=0.5, slowed_at=w.bench.now() - timedelta(hours=3))
    w.do(slowing.note_full_rates)


def _webhook_gone(w: World) -> None:
    (row,) = w.bench.rows("""
        INSERT INTO webhook_endpoints (url, secret, event_types)
        VALUES ('https://example.org/', 'sealed', '{campaign.paused}') RETURNING id
    """)
    reply = Reply(410, "gone", 5)
    w.do(lambda s, now: delivery.note_failure(s, row.id, reply, now))


def _counters(w: World) -> None:
    campaign = w.campaign()
    tallying.fold(w.bench.engine)
    w.bench.rows(
        "UPDATE campaign_tallies SET n = n + 1 WHERE campaign_id = :id AND tally = 'recipients'",
        id=campaign.id,
    )
    tallying.prove(w.bench.engine, campaign.id)


def _firing(*lines: str, due: float = 60.0, **over: Any) -> Callable[[World], None]:
    def does(w: World) -> None:
        template = w.campaign("draft")
        if "says" in over:
            flow = w.bench.run(make_flow, announcement_flow(over["says"]))
            w.bench.set("campaigns", template.id, flow_id=flow.id)
        (w.tmp / "list.csv").write_text("".join(f"{line}\n" for line in lines))
        if not lines:
            (w.tmp / "list.csv").unlink()
        rule = {"times": ["09:00"], "zone": "America/New_York"}
        options = ImportOptions(phone_columns=("phone",))
        new = NewRecurrence(template.id, rule, {"file": "list.csv"}, options=options)
        reader = Reader(w.tmp, 1)
        made = w.do(lambda s, now: recurring.create_recurrence(s, new, reader, ADA, now))
        key = {"next_key": "2026-11-20T09:00", "next_at": w.bench.now() - timedelta(seconds=due)}
        w.bench.set("recurrences", made.id, **key, **over.get("row", {}))
        if w.do(recurring.note_due_firings):
            one = w.bench.value("SELECT max(id) FROM recurrence_firings")
            recurring.run_firing(w.bench.engine, one, reader, w.tmp / "data")
            if over.get("twice"):
                w.bench.rows(
                    "UPDATE recurrence_firings SET next_try_at = now(), "
                    "due_at = now() - interval '3 hours 59 minutes 30 seconds' WHERE id = :id",
                    id=one,
                )
                recurring.run_firing(w.bench.engine, one, reader, w.tmp / "data")
        w.do(lambda s, now: recurring.end_recurrence(s, made.id, ADA, now))

    return does


def _last_firing(w: World) -> None:
    new = NewRecurrence(
        w.campaign("draft").id,
        {"times": ["09:00"], "zone": "America/New_York"},
        {"file": "list.csv"},
    )
    made = w.do(lambda s, now: recurring.create_recurrence(s, new, Reader(w.tmp, 1), ADA, now))
    w.bench.set(
        "recurrences",
        made.id,
        rule='{"cron": "0 9 29 2 *", "zone": "America/New_York", "ends_on": "2024-03-01"}',
        next_key="2024-02-29T09:00",
        next_at=w.bench.now() - timedelta(days=30),
    )
    w.do(recurring.note_due_firings)


def _adopted(w: World) -> None:
    w.do(lambda s, now: adopting.put_rules_in_force(s, 1, SYSTEM, now))


def _restored(w: World) -> None:
    hours = w.bench.now() - timedelta(hours=2)
    w.bench.run(restoring.note_restored, "It was restored.", hours)


def _reconciled(w: World) -> None:
    w.bench.run(restoring.reconcile, lambda *_: [])


DECISIONS: tuple[Row, ...] = (
    Row("started on schedule", _on_schedule, r"The campaign was started on schedule\."),
    Row("stopped at its end", _end_came, r"The campaign was stopped: its end has come\."),
    Row("completed", _completed, r"The campaign was completed\."),
    Row("expired", _expired, r"1 person was not reached before the deadline\."),
    Row("expired in a tick", _expired_in_a_tick, r"1 person was not reached before the deadline\."),
    Row(
        "one reminder expired",
        lambda w: _expired(
            w,
            reminder={"offsets": [8 * 86400.0, 7200.0], "deadlines": [86400.0, 0.0]},
        ),
        r"1 person was not reached before the deadline; they have a further reminder ahead\.",
    ),
    Row("imported", _imported, r"“people.csv”: 1 of 1 rows were imported\."),
    Row(
        "moved by a list",
        _listed_anew(_moved),
        r"1 appointment was moved: a list has them at other times\.",
    ),
    Row(
        "cancelled by a list",
        _listed_anew(_gone, missing="cancel"),
        r"2 appointments were cancelled: the list does not have them any more\.",
    ),
    Row("at risk", _hurried, r"\d+ people cannot be called in time at this pace, .*"),
    Row(
        "not at risk",
        _not_hurried_any_more,
        r"Everybody whose deadline is near can be called in time again\.",
    ),
    Row(
        "safety stop of a campaign",
        _calls_fail("invalid_number"),
        r"The campaign was paused: \d+ of the last \d+ numbers do not exist.*",
    ),
    Row(
        "safety stop of an account",
        _calls_fail("failed"),
        r".* through the account .*, so the account is paused\..*",
    ),
    Row("safety stop of a number", _calls_fail("failed", 2), r".* so \+12015550199 is paused.*"),
    Row(
        "congestion", _calls_fail("carrier_congestion"), r".* met a full network, so the account .*"
    ),
    Row("refused for now", _answered(Answer.CONGESTED), r"The provider refused a call for now, .*"),
    Row(
        "silence",
        _calls_meet_silence,
        r"The campaign was paused: 4 of the 50 calls .* met silence, 8\.0 %, and the rule .*",
    ),
    Row("refused", _answered(Answer.FAULT), r"A call was refused with “no permission”\. .*"),
    Row("an incident", _incident, r"The provider reports a call \(ringing\) .*"),
    Row("full rate", _full_again, r"The account .* is back at its full rate, 10 calls a second\."),
    Row("webhook off", _webhook_gone, r"The webhook \d+: It answered 410 \(gone\)\. .*"),
    Row("counters", _counters, r"Incident: \d+ of this campaign's counters differed .*"),
    Row(
        "fired",
        _firing("phone", fiction_number()),
        r"The firing of 2026-11-20 09:00 started campaign \d+\. .*",
    ),
    Row(
        "skipped",
        _firing("phone", "not a number"),
        r"The firing of 2026-11-20 09:00 was skipped: .* Nobody was called\.",
    ),
    Row(
        "skipped draft",
        _firing("phone", "not a number"),
        r"The campaign was stopped: .* nobody to call\.",
    ),
    Row(
        "not started",
        _firing("phone", fiction_number(), says="Hello {name}."),
        r"The campaign was stopped: its firing did not start it\.",
    ),
    Row("waits for its list", _firing(), r"The firing of .* waits for its list\. .*"),
    Row("failed", _firing(twice=True), r"The firing of .* failed: .* Nobody was called\."),
    Row("missed", _firing("phone", due=90000.0), r"The firing of .* was missed: .*|\d+ firings .*"),
    Row(
        "cannot recur",
        _firing("phone", row={"rule": '{"times": ["09:00"], "zone": "Mars/Olympus"}'}),
        r"The recurrence was paused: .*",
    ),
    Row("recurred", _last_firing, r"The recurrence has ended: it has no further firing\."),
    Row("new rules", _adopted, r"Calling rules of version 1 were put in force with this release\."),
    Row("restored", _restored, r"It was restored\. What was done since .* is not known here\. .*"),
    Row("reconciled", _reconciled, r"Reconciled with the providers: of 0 calls since .*"),
)

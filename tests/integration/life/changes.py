"""What people change about campaigns: each row does it, and the log says it in these words."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from campaigns import changing, importing, operating, opting_out, recurring, ruling
from campaigns.campaigning import NewCampaign
from campaigns.changing import HoursChange, PaceChange, PersonChange, RedialRequest, TryingChange
from campaigns.drafting import begin_draft, delete_draft, edit_draft
from campaigns.drafting.asking import CampaignEdit
from campaigns.flows.builtin import announcement_flow
from campaigns.importing import PushedRecipient
from campaigns.operating import AccountChange, CallerIdLimits
from campaigns.provisioning import NewAccount
from campaigns.recurring import NewRecurrence, Reader
from campaigns.store.opt_outs import NewOptOut
from campaigns.vault import Vault
from tests.factories import SECRET, fiction_number
from tests.integration.life.world import ADA, World


class Row(NamedTuple):
    """Something that is done to a campaign or decided about one, and what the log says then."""

    what: str
    does: Callable[[World], Any]
    says: str  # a regular expression; one of the new sentences is it, whole


def _verb(verb: Callable[..., Any], status: str, *more: Any, **columns: Any) -> Any:
    def does(w: World) -> None:
        campaign = w.campaign(status, **columns)
        w.bench.run(lambda s: verb(s, campaign.id, ADA, w.bench.now(), *more))

    return does


def _change(verb: Callable[..., Any], change: Any, **columns: Any) -> Any:
    def does(w: World) -> None:
        campaign = w.reminder(**columns) if "reminder" in columns else w.campaign(**columns)
        w.bench.run(lambda s: verb(s, campaign.id, change, ADA, w.bench.now()))

    return does


def _scheduled(w: World) -> None:
    campaign = w.campaign("draft", starts_at=w.bench.now() + timedelta(days=1))
    w.do(lambda s, now: changing.start(s, campaign.id, ADA, now))


def _created(w: World) -> None:
    flow = announcement_flow("Hello.")
    new = NewCampaign("Water", "announcement", w.account().name, flow)
    w.do(lambda s, now: operating.create_campaign(s, new, ADA, now))


def _draft(w: World) -> int:
    name = w.account().name
    found: int = w.bench.run(lambda s: begin_draft(s, "Water", "announcement", name).id)
    return found


def _edited(w: World) -> None:
    draft = _draft(w)
    edit = CampaignEdit(message="Hello.", max_cps=2)
    w.do(lambda s, now: edit_draft(s, draft, edit, ADA, now))


def _deleted(w: World) -> None:
    draft = _draft(w)
    w.do(lambda s, now: delete_draft(s, draft, ADA, now))


def _redialled(w: World) -> None:
    campaign = w.campaign("completed")
    w.bench.rows("UPDATE recipients SET status = 'exhausted', next_attempt_at = NULL")
    w.do(lambda s, now: changing.redial_unreached(s, campaign.id, RedialRequest(), ADA, now))


def _person(act: Callable[..., Any]) -> Callable[[World], None]:
    def does(w: World) -> None:
        who = w.someone(w.campaign())
        w.do(lambda s, now: act(s, who, now))

    return does


def _appointment(act: Callable[..., Any]) -> Callable[[World], None]:
    def does(w: World) -> None:
        who = w.someone(w.reminder())
        w.do(lambda s, now: act(s, who, now))

    return does


def _added(w: World) -> None:
    campaign, person = w.campaign(), PushedRecipient(numbers=[fiction_number()], name="Ana")
    w.do(lambda s, now: changing.add_person(s, campaign.id, person, ADA, now))


def _pushed(w: World) -> None:
    campaign = w.campaign()
    people = [PushedRecipient(numbers=[fiction_number()], name="Ana") for _ in range(2)]
    w.do(lambda s, now: operating.push_recipients(s, campaign.id, people, ADA, now))


def _imports(verb: Any) -> Callable[[World], None]:
    def does(w: World) -> None:
        import_id = w.hand_in(w.campaign(), ["phone", fiction_number()])
        w.do(lambda s, now: operating.note_import(s, importing.find(s, import_id), verb, ADA, now))

    return does


def _undone(w: World) -> None:
    import_id = w.imported(w.campaign("draft"), ["phone", fiction_number()])
    w.do(lambda s, now: operating.undo_import(s, import_id, ADA, now))


def _recurs(then: Callable[..., Any] | None = None) -> Callable[[World], None]:
    def does(w: World) -> None:
        rule = {"times": ["09:00"], "zone": "America/New_York"}
        new = NewRecurrence(w.campaign("draft").id, rule, {"file": "list.csv"})
        made = w.do(lambda s, now: recurring.create_recurrence(s, new, Reader(w.tmp, 1), ADA, now))
        if then is recurring.resume_recurrence:
            w.do(lambda s, now: recurring.pause_recurrence(s, made.id, ADA, now))
        if then is not None:
            w.do(lambda s, now: then(s, made.id, ADA, now))

    return does


def _opted_out(w: World) -> None:
    campaign, new = w.campaign(), [NewOptOut(fiction_number())]
    w.do(lambda s, now: opting_out.opt_out(s, new, "verbal", ADA, now, campaign_id=campaign.id))


def _file_of_opt_outs(w: World) -> None:
    path = w.tmp / "stop.csv"
    path.write_text(f"{fiction_number()}\n{fiction_number()}\n")
    campaign = w.campaign()
    told = {"country": "US", "evidence": "a letter", "campaign_id": campaign.id}
    opting_out.import_file(w.bench.engine, path, ADA, recall=lambda _: None, **told)  # type: ignore[arg-type]


def _lifted(*, put_back: bool) -> Callable[[World], None]:
    def does(w: World) -> None:
        campaign, number = w.campaign(), fiction_number()
        w.person(campaign, numbers=[number])
        w.do(lambda s, now: opting_out.opt_out(s, [NewOptOut(number)], "verbal", ADA, now))
        w.bench.rows(
            "UPDATE recipients SET status = 'blocked', reason = 'opted out', "
            "next_attempt_at = NULL WHERE numbers[1] = :number",
            number=number,
        )
        one = w.bench.value("SELECT max(id) FROM opt_outs")
        w.do(lambda s, now: opting_out.lift(s, one, ADA, "a mistake", now, put_back=put_back))

    return does


def _account(act: Callable[..., Any]) -> Callable[[World], None]:
    def does(w: World) -> None:
        one = w.account(caller_ids=("+12015550199", "+12015550198"))
        w.do(lambda s, now: act(s, one, now))

    return does


def _number_resumed(w: World) -> None:
    one, number = w.account(), "+12015550199"
    w.do(lambda s, now: operating.pause_caller_id(s, one.id, number, "spam", ADA, now))
    w.do(lambda s, now: operating.resume_caller_id(s, one.id, number, ADA, now))


def _new_account(w: World) -> None:
    new = NewAccount(
        name="Line two",
        provider="signalwire",
        base_url="http://127.0.0.1:9",
        project_id="p",
        api_token="a token that is long enough",
        caller_ids=("+12015550199",),
        live=False,
    )
    w.do(lambda s, now: operating.add_account(s, new, Vault(SECRET), ADA, now))


def _change_account(s: Any, one: Any, now: Any) -> None:
    operating.change_account(s, one.id, AccountChange(cps=3), Vault(SECRET), ADA, now)


NUMBER = "+12015550198"
LIMITS = CallerIdLimits(cps=0.5, max_per_day=80)
CHANGES: tuple[Row, ...] = (
    Row("created", _created, r"Ada created the campaign, as a draft\."),
    Row("edited", _edited, r"Ada changed the draft: max cps and message\."),
    Row("deleted", _deleted, r"Ada deleted the draft “Water”\."),
    Row("started", _verb(changing.start, "draft"), r"The campaign was started by Ada\."),
    Row(
        "grows",
        _verb(changing.start, "draft", ramp={"start": 0.2, "seconds": 600}),
        r"It begins with 20% of its pace, and has all of it after 10 minutes\.",
    ),
    Row(
        "rings for longer",
        _verb(changing.start, "draft", rule_set="house", purpose="marketing", ring_timeout=5),
        r"Calls ring for \d+ seconds instead of 5: the calling rules “house” ask for as much\.",
    ),
    Row("scheduled", _scheduled, r"The campaign was scheduled by Ada: it starts on .* UTC\."),
    Row(
        "paused",
        _verb(changing.pause, "running", "lunch"),
        r"The campaign was paused by Ada: lunch\.",
    ),
    Row(
        "what the pause did",
        _verb(changing.pause, "running", ""),
        r"Nothing had been dialled before the pause\. No call had to be recalled\.",
    ),
    Row("resumed", _verb(changing.resume, "paused"), r"The campaign was resumed by Ada\."),
    Row("stopped", _verb(changing.stop, "running", ""), r"The campaign was stopped by Ada\."),
    Row("archived", _verb(changing.archive, "stopped"), r"Ada put the campaign into the archive\."),
    Row(
        "unarchived",
        lambda w: [
            w.do(lambda s, now, c=c, v=v: v(s, c, ADA, now))
            for c in [w.campaign("stopped").id]
            for v in (changing.archive, changing.unarchive)
        ],
        r"Ada took the campaign out of the archive\.",
    ),
    Row("copied", _verb(changing.clone_campaign, "running"), r"Ada copied it into a new draft, .*"),
    Row("a copy", _verb(changing.clone_campaign, "running"), r"The draft was made from “.*”\."),
    Row("redialled", _redialled, r"Ada made a new draft with .* were not reached, “.*”\."),
    Row(
        "pace",
        _change(changing.change_pace, PaceChange(max_cps=2)),
        r"The pace was changed to 2 calls per second by Ada\.",
    ),
    Row(
        "share",
        _change(changing.change_pace, PaceChange(weight=3)),
        r"The weight beside other campaigns was changed to 3 by Ada\.",
    ),
    Row(
        "hours",
        _change(changing.change_hours, HoursChange(windows="daily 08:00-20:00")),
        r"The calling hours were changed to mon-sun 08:00-20:00 by Ada\.",
    ),
    Row(
        "end",
        _change(
            changing.change_hours, HoursChange.model_validate({"ends_at": "2099-01-01T00:00Z"})
        ),
        r"The end was changed to Thu 1 Jan 2099, 00:00 UTC by Ada\.",
    ),
    Row(
        "retries",
        _change(changing.change_trying, TryingChange(retry_policy="once")),
        r"The retries were changed \(“Everybody is called once”\) by Ada\.",
    ),
    Row(
        "caps",
        _change(changing.change_trying, TryingChange(caps=["3 in 24h to a number"])),
        r"The campaign's own caps were changed to “3 in 24h to a number” by Ada\.",
    ),
    Row(
        "no caps",
        _change(changing.change_trying, TryingChange(caps=[]), caps=[{"calls": 1, "hours": 24}]),
        r"The campaign's own caps were taken away by Ada\.",
    ),
    Row(
        "household",
        _change(changing.change_trying, TryingChange(household="merge")),
        r"People who share a number get one call for all of them .* was changed by Ada\.",
    ),
    Row(
        "reminders",
        _change(
            changing.change_trying,
            TryingChange.model_validate({"offsets": ["24h", "2h"]}),
            reminder={"offset": 86400.0, "deadline": 0.0},
        ),
        r"The reminders were changed \(.*\) by Ada\.",
    ),
    Row("added", _added, r"Ada added a person\."),
    Row("pushed", _pushed, r"Ada added 2 people\."),
    Row(
        "changed",
        _person(
            lambda s, who, now: changing.change_person(s, who, PersonChange(name="Bo"), ADA, now)
        ),
        r"Ada changed the entry of a person\.",
    ),
    Row(
        "taken out",
        _person(lambda s, who, now: changing.remove_person(s, who, ADA, now)),
        r"Ada took a person out\.",
    ),
    Row(
        "appointment moved",
        _appointment(
            lambda s, who, now: changing.move_appointment(s, who, now + timedelta(days=9), ADA, now)
        ),
        r"Ada moved the appointment of a person\.",
    ),
    Row(
        "appointment cancelled",
        _appointment(lambda s, who, now: changing.cancel_appointment(s, who, ADA, now)),
        r"Ada cancelled the appointment of a person\.",
    ),
    Row(
        "handed in", _imports("create"), r"Ada uploaded “people.csv”\. Nothing of it is imported .*"
    ),
    Row("confirmed", _imports("confirm"), r"Ada had “people.csv” imported\."),
    Row("discarded", _imports("discard"), r"Ada discarded “people.csv”\. Nothing .* imported\."),
    Row("undone", _undone, r"Ada undid the import of “people.csv”: its 1 recipient was removed.*"),
    Row("recurs", _recurs(), r"Ada lets the campaign recur: .*, with the list from .*\."),
    Row("no firings", _recurs(recurring.pause_recurrence), r"The recurrence was paused by Ada\."),
    Row("firings", _recurs(recurring.resume_recurrence), r"The recurrence was resumed by Ada\."),
    Row("ended", _recurs(recurring.end_recurrence), r"The recurrence was ended by Ada\."),
    Row("opted out", _opted_out, r"Ada recorded 1 opt-out of this campaign\."),
    Row("opted out by file", _file_of_opt_outs, r"Ada recorded 2 opt-outs of this campaign\."),
    Row("undone opt-out", _lifted(put_back=False), r"Ada undid an opt-out\."),
    Row(
        "put back",
        _lifted(put_back=True),
        r"Ada undid an opt-out: 1 person waits for a call again\.",
    ),
    Row("account", _new_account, r"Ada added the account Line two\."),
    Row(
        "account changed", _account(_change_account), r"Ada changed the account account \d+: cps\."
    ),
    Row(
        "account paused",
        _account(
            lambda s, one, now: operating.pause_account_named(
                s, one.name, "no money", now, actor=ADA
            )
        ),
        r"The account was paused by Ada: no money\.",
    ),
    Row(
        "account off",
        _account(
            lambda s, one, now: operating.switch_account_off_named(s, one.name, "old", ADA, now)
        ),
        r"The account was switched off by Ada: old\.",
    ),
    Row(
        "account resumed",
        _account(lambda s, one, now: operating.resume_account(s, one.name, ADA, now)),
        r"The account account \d+ was resumed by Ada\.",
    ),
    Row(
        "number added",
        _account(lambda s, one, now: operating.add_caller_id(s, one.id, "+12015550177", ADA, now)),
        r"Ada added the caller id \+12015550177\.",
    ),
    Row(
        "number removed",
        _account(lambda s, one, now: operating.remove_caller_id(s, one.id, NUMBER, ADA, now)),
        r"Ada removed the caller id \+12015550198\.",
    ),
    Row(
        "number limited",
        _account(
            lambda s, one, now: operating.limit_caller_id(s, one.id, NUMBER, LIMITS, ADA, now)
        ),
        r"Ada limited the caller id \+12015550198 to 0.5 calls a second and 80 calls a day\.",
    ),
    Row(
        "number paused",
        _account(
            lambda s, one, now: operating.pause_caller_id(s, one.id, NUMBER, "spam", ADA, now)
        ),
        r"The caller id \+12015550198 was paused by Ada: spam\.",
    ),
    Row("number resumed", _number_resumed, r"The caller id \+12015550199 was resumed by Ada\."),
    Row(
        "rules",
        lambda w: w.do(lambda s, now: ruling.put_rules_in_force(s, 1, ADA, now)),
        r"Calling rules of version 1 were put in force by Ada\.",
    ),
    Row(
        "switched off",
        lambda w: w.do(lambda s, now: changing.switch_off(s, ADA, now, "a storm")),
        r"Dialling was switched off everywhere by Ada: a storm\.",
    ),
    Row(
        "switched on",
        lambda w: w.do(lambda s, now: changing.switch_on(s, ADA, now)),
        r"Dialling was switched on again by Ada\.",
    ),
)

"""Who is called in a drill: three accounts, campaigns in open and closed hours, ever new people."""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns import importing
from campaigns.campaigning import NewCampaign, create_campaign, start_campaign
from campaigns.db import database_now, transaction
from campaigns.demo import people
from campaigns.drill.stage import Stage
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.provisioning import NewAccount, add_account
from campaigns.vault import Vault

# Short waits, before scaling, and few attempts: somebody's whole fate fits into a minute.
RETRIES = {
    "waits": {
        "busy": [60, 120],
        "no_answer": [80, 160],
        "failed": [60, 120],
        "answered_machine": [200],
        "carrier_congestion": [60],
    },
    "max_attempts": 3,
}
MOST_CALLS = 3  # to one person
ACCOUNTS = ("east", "west", "north")  # north has one campaign, and seldom anybody to call
FLASHES = 12  # campaigns that are stopped half-way, one after the other
FIRST_PEOPLE = 120
BIG_FILE = 4000  # rows that take the importer a second or more
TOKEN = "sim-token"
SIGNING_KEY = "PSK_simulator"


@dataclass(slots=True)
class World:
    """What was made: campaign ids, and people nobody has called yet."""

    reminder: int
    announcement: int
    flashes: list[int]
    quiet: int  # alone on its account: whoever is pushed into it is the next to be called there
    archive: int  # a draft that only ever receives files
    vault: Vault
    open_zones: list[str]
    _numbers: Iterator[str]
    _rng: random.Random

    @property
    def dialling(self) -> tuple[int, ...]:
        """The campaigns that are to go on until the end."""
        return (self.reminder, self.announcement)

    def people(self, campaign_id: int, count: int, now: datetime) -> list[dict[str, Any]]:
        """New people for a campaign, as the API takes them."""
        return [self._person(campaign_id, now) for _ in range(count)]

    def _person(self, campaign_id: int, now: datetime) -> dict[str, Any]:
        person: dict[str, Any] = {
            "numbers": [next(self._numbers)],
            "name": f"Person {self._rng.randrange(10**6)}",
            "zone": self._rng.choice(self.open_zones),
        }
        if self._rng.random() < 0.1:
            person["numbers"].append(next(self._numbers))
        if campaign_id == self.reminder:
            person["appointment_at"] = (now + timedelta(days=1)).isoformat()
        return person

    def file(self, rows: int) -> str:
        """A list of that many people, and one line that nobody can read."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(("name", "phone"))
        for _ in range(rows):
            writer.writerow((f"Person {self._rng.randrange(10**9)}", next(self._numbers)))
        writer.writerow(("Nobody", "911"))
        return out.getvalue()


def build(stage: Stage, vault: Vault) -> World:
    """Accounts, campaigns and the first people; the campaigns that go on are started."""
    rng = random.Random(f"world {stage.options.seed}")
    with transaction(stage.engine) as session:
        now = database_now(session)
        for place, name in enumerate(ACCOUNTS):
            add_account(session, _account(stage, name, place), vault)
        world = World(
            reminder=create_campaign(session, _reminder()).id,
            announcement=create_campaign(session, _announcement("Announcement", "west")).id,
            flashes=[
                create_campaign(session, _announcement(f"Flash {n}", "west")).id
                for n in range(FLASHES)
            ],
            quiet=create_campaign(session, _quiet()).id,
            archive=create_campaign(session, _announcement("Archive", "east")).id,
            vault=vault,
            open_zones=people.zones_by_hour(now)[0],
            _numbers=_shared_numbers(rng),
            _rng=rng,
        )
    _import_first_people(stage, world, now, rng)
    with transaction(stage.engine) as session:
        _push(session, world, world.announcement, now)
        _push(session, world, world.flashes[0], now)
        _push_somebody_who_waits(session, world, now)
        for campaign_id in (*world.dialling, world.flashes[0], world.quiet):
            start_campaign(session, campaign_id, database_now(session))
    return world


def _push(session: Session, world: World, campaign_id: int, now: datetime) -> None:
    found = [
        importing.PushedRecipient.model_validate(one) for one in world.people(campaign_id, 40, now)
    ]
    importing.push_recipients(session, campaign_id, found, now)


def _push_somebody_who_waits(session: Session, world: World, now: datetime) -> None:
    """In closed hours all through the drill: the quiet campaign is never done."""
    closed = people.zones_by_hour(now)[1]
    somebody = {"numbers": [next(world._numbers)], "name": "Nobody yet", "zone": closed[0]}
    importing.push_recipients(
        session, world.quiet, [importing.PushedRecipient.model_validate(somebody)], now
    )


def _import_first_people(stage: Stage, world: World, now: datetime, rng: random.Random) -> None:
    """A list with people in closed hours as well: they must not be called all through the drill."""
    path = stage.config.data_dir / "first.csv"
    generated = people.generate(FIRST_PEOPLE, now, rng)
    path.write_text(generated.csv_text, encoding="utf-8", newline="")
    with transaction(stage.engine) as session:
        import_id = importing.register(
            session, world.reminder, file_name=path.name, file=importing.fingerprint(path)
        ).row.id
    importing.run(stage.engine, import_id, path)


def _shared_numbers(rng: random.Random) -> Iterator[str]:
    """Fictional numbers, again and again; one in five is given out a second time soon after, so
    that several campaigns want the same telephone at the same time."""
    numbers = list(people.fictional_numbers())
    while True:
        rng.shuffle(numbers)
        again: list[str] = []
        for number in numbers:
            yield number
            if rng.random() < 0.2:
                again.append(number)
            if len(again) > 5:
                yield again.pop(0)


def _account(stage: Stage, name: str, place: int) -> NewAccount:
    return NewAccount(
        name=name,
        provider="signalwire",
        base_url=f"http://127.0.0.1:{stage.carrier.port}",
        project_id="sim-project",
        api_token=TOKEN,
        signing_key=SIGNING_KEY,
        caller_ids=(caller_id(place),),
        live=False,
        cps=stage.options.cps,
        max_concurrent=60,
        time_scale=stage.options.time_scale,
    )


def caller_id(place: int) -> str:
    """The number an account presents: by it the carrier's log tells the accounts apart."""
    return f"+1202555010{place}"


def _reminder() -> NewCampaign:
    return NewCampaign(
        name="Reminder",
        kind="reminder",
        account="east",
        flow=reminder_flow("the Lakeside Clinic", leave_message=True),
        windows=people.WINDOWS,
        retry_policy=RETRIES,
        reminder={"offset": 3 * 86400, "deadline": 0},
    )


def _quiet() -> NewCampaign:
    return replace(_announcement("Quiet", "north"), windows=people.WINDOWS)


def _announcement(name: str, account: str) -> NewCampaign:
    return NewCampaign(
        name=name,
        kind="announcement",
        account=account,
        flow=announcement_flow("Hello {name}, the boat house is open again."),
        retry_policy=RETRIES,
    )

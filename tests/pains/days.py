"""What stories about pains have in common: a campaign with some people, and days that pass."""

from collections.abc import Sequence
from typing import Any

from campaigns.calls import AnsweredBy
from campaigns.lifecycle import Disposition
from tests.stateful.promises import NEW_YORK
from tests.stateful.world import World

ADA, BOB, CYD = "+12025550101", "+12025550102", "+12025550103"


def started(world: World, numbers: Sequence[str] = (ADA,), **campaign: Any) -> int:
    """A running campaign on an account of its own, with one person for each number."""
    made = world.campaign(world.account(), **campaign)
    world.push_all(made, [([number], NEW_YORK, None) for number in numbers])
    world.decide(made, "start")
    return made


def ends(world: World, disposition: Disposition = Disposition.NO_ANSWER) -> None:
    """Every call there is rings, ends, and we are told."""
    for call in world.exchange.live():
        world.exchange.ring(call)
        world.exchange.end(call, disposition)
    world.deliver_all()
    world.check()


def answered(world: World, by: AnsweredBy = AnsweredBy.HUMAN) -> None:
    """Every call there is is answered, ends, and we are told."""
    for call in world.exchange.live():
        world.exchange.answer(call, by)
        world.exchange.end(call)
    world.deliver_all()
    world.check()


def dialled(world: World) -> list[str]:
    """Whom the carrier was asked to call, in order."""
    return [post.to for post in world.exchange.posts]


def person(world: World, recipient: int = 1) -> Any:
    """A recipient's row."""
    (row,) = world.rows("SELECT * FROM recipients WHERE id = %(id)s", id=recipient)
    return row


def statuses(world: World, campaign: int) -> list[str]:
    """How everybody of a campaign stands."""
    rows = world.rows(
        "SELECT status FROM recipients WHERE campaign_id = %(id)s ORDER BY id", id=campaign
    )
    return [row.status for row in rows]


def log_of(world: World) -> str:
    """Every sentence in the log."""
    rows = world.rows("SELECT sentence FROM campaign_log ORDER BY id")
    return "\n".join(row.sentence for row in rows)

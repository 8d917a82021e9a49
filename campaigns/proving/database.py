"""What the rows alone prove: one snapshot, read-only, in memory that does not grow with them."""

from collections.abc import Iterator

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns import compliance
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.proving.proof import Proof
from campaigns.store import proofs
from campaigns.store.proofs import DialledMinute


def prove_database(engine: Engine) -> list[Proof]:
    """Every promise with the rows it was proved over. Nothing is written."""
    with transaction(engine) as session:
        proofs.begin_proving(session)
        found = [
            Proof(claim.name, claim.says, proofs.count(session, claim)).blame(
                f"{claim.about} {row} {told}" for row, told in proofs.broken(session, claim)
            )
            for claim in proofs.CLAIMS
        ]
        return [*found, _legal_hours(session), _counters(session)]


def _legal_hours(session: Session) -> Proof:
    """Every call judged again by the rules and the hours that held when it was claimed."""
    proof = Proof(
        "legal_hours", "every call was made in legal hours, in every zone it may be in", 0
    )
    for minute in proofs.dialled_minutes(session):
        proof.rows += minute.calls
        proof.blame(_not_legal(minute))
    return proof


def _not_legal(one: DialledMinute) -> Iterator[str]:
    told = f"attempt {one.an_attempt} and others of that minute, {one.calls} in all,"
    try:
        rules = compliance.rule_set(one.rule_set)
        windows = compliance.windows_for(one.rule_set, one.windows)
        zones = compliance.zones_of(one.zone, one.number)
    except InvalidInput as error:
        yield f"{told} cannot be judged: {error}"
        return
    if one.rule_version != f"{rules.code}@{rules.version}":
        yield f"{told} kept the rules {one.rule_version}, which are not known any more"
    elif not compliance.allowed(windows, zones, one.minute):
        yield f"{told} called outside the hours at {one.minute} in {', '.join(zones) or 'no zone'}"


def _counters(session: Session) -> Proof:
    """What reports read is what the rows are."""
    campaigns = proofs.campaign_ids(session)
    proof = Proof("counters", "every counter equals the rows it counts", rows=len(campaigns))
    now = database_now(session)
    for campaign_id in campaigns:
        proof.blame(
            f"campaign {campaign_id}: {one.tally} {' '.join(filter(None, one.key))} is {one.kept},"
            f" its rows are {one.counted}"
            for one in proofs.counters_that_differ(session, campaign_id, now)
        )
    return proof

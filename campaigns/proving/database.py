"""What the rows alone prove: one snapshot, read-only, in memory that does not grow with them."""

from collections.abc import Iterator

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns import compliance
from campaigns.compliance import PostalAddress
from campaigns.db import database_now, transaction
from campaigns.errors import InvalidInput
from campaigns.proving.proof import Proof
from campaigns.store import proofs, rules
from campaigns.store.gate_proofs import GATE_CLAIMS
from campaigns.store.proofs import DialledMinute


def prove_database(engine: Engine) -> list[Proof]:
    """Every promise with the rows it was proved over. Nothing is written."""
    with transaction(engine) as session:
        proofs.begin_proving(session)
        found = [
            Proof(claim.name, claim.says, proofs.count(session, claim)).blame(
                f"{claim.about} {row} {told}" for row, told in proofs.broken(session, claim)
            )
            for claim in (*proofs.CLAIMS, *GATE_CLAIMS)
        ]
        return [*found, _legal_hours(session), _counters(session)]


def _legal_hours(session: Session) -> Proof:
    """Every call judged again by the rules and the hours that held when it was claimed."""
    proof = Proof(
        "legal_hours", "every call was made in legal hours, in every zone it may be in", 0
    )
    for minute in proofs.dialled_minutes(session):
        proof.rows += minute.calls
        proof.blame(_not_legal(session, minute))
    return proof


def _not_legal(session: Session, one: DialledMinute) -> Iterator[str]:
    told = f"attempt {one.an_attempt} and others of that minute, {one.calls} in all,"
    try:
        name, _, version = one.rule_version.partition("@")
        book = rules.rulebook_of(session, int(version) if version.isdigit() else 0)
        address = PostalAddress.from_json(one.address)
        place = compliance.place_of(one.number, zone=one.zone, address=address)
        hours = compliance.hours_for(book, one, place, consented=one.consented)
    except InvalidInput as error:
        yield f"{told} cannot be judged: {error}"
        return
    if one.rule_set != name:
        yield f"{told} kept the rules {one.rule_version} and not the campaign's, {one.rule_set}"
    elif not hours.allowed(one.minute):
        where = ", ".join(place.zones) or "no zone"
        yield f"{told} called outside the hours at {one.minute} in {where}"


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

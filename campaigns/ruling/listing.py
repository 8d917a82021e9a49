"""What applies where, from which source, since when."""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field

from campaigns.compliance import Rule, Rulebook
from campaigns.errors import InvalidInput


class RuleView(BaseModel):
    """One calling rule; `says` is what it asks for, in words."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(examples=["us.fl.ftsa"])
    title: str
    jurisdiction: str = Field(description="ISO 3166, EU, or * for anywhere.", examples=["US"])
    subdivision: str | None = Field(examples=["FL"])
    purposes: list[str]
    voices: list[str]
    line: str
    says: list[str] = Field(examples=[["daily 08:00-20:00", "3 calls in 24 hours, same subject"]])
    source: str
    seen: str = Field(description="When the source was seen.")
    status: str = Field(description="law_confirmed, secondary or house")
    effective_from: str | None
    effective_to: str | None = Field(description="The last day on which it holds.")
    note: str | None


def list_rules(book: Rulebook, country: str | None = None) -> list[RuleView]:
    """The rules in the order of the file; with a country, those that can bind there.

    Raises `InvalidInput` for a text that is no country code.
    """
    if country is None or not country.strip():
        return [_view(rule) for rule in book.rules]
    code = country.strip().upper()
    if code != "EU" and (len(code) != 2 or not code.isascii() or not code.isalpha()):
        raise InvalidInput(f"“{country[:40]}” is no country. Use an ISO 3166 code such as US.")
    return [_view(rule) for rule in book.rules if book.binds_in(rule, code)]


def _view(rule: Rule) -> RuleView:
    return RuleView(
        code=rule.code,
        title=rule.title,
        jurisdiction=rule.jurisdiction,
        subdivision=rule.subdivision,
        purposes=[one.value for one in rule.purposes],
        voices=[one.value for one in rule.voices],
        line=rule.line,
        says=list(_says(rule)),
        source=rule.source,
        seen=rule.seen.isoformat(),
        status=rule.status.value,
        effective_from=rule.effective_from.isoformat() if rule.effective_from else None,
        effective_to=rule.effective_to.isoformat() if rule.effective_to else None,
        note=rule.note,
    )


def _says(rule: Rule) -> Iterator[str]:
    """What it asks for, a phrase each."""
    yield from _about_hours(rule)
    for cap in rule.caps:
        span = _spell(cap.hours, "hour") if cap.hours else _spell(cap.days or 0, "day")
        about = {"number": "to one number", "recipient": "to one person"}
        calls = "1 call" if cap.n == 1 else f"{cap.n} calls"
        yield f"{calls} in {span} {about.get(cap.scope, 'to one number on one subject')}"
    if rule.min_gap_hours:
        whole = rule.min_gap_hours >= 1
        gap = (
            _spell(rule.min_gap_hours, "hour") if whole else f"{rule.min_gap_hours * 60:g} minutes"
        )
        yield f"{gap} between calls to one number"
    yield from _about_duties(rule)
    yield from _about_afterwards(rule)


def _spell(n: float, unit: str) -> str:
    """A number of hours or days in words: "4 hours", "a day"."""
    return {"hour": "an hour", "day": "a day"}[unit] if n == 1 else f"{n:g} {unit}s"


def _about_hours(rule: Rule) -> Iterator[str]:
    if rule.windows is not None:
        closed = {None: "", "place": ", closed on public holidays"}
        yield f"{rule.windows}{closed.get(rule.holidays, f', closed on {rule.holidays}')}"
    if rule.close_early_minutes:
        yield f"no call in the last {rule.close_early_minutes:g} minutes of a window"


def _about_duties(rule: Rule) -> Iterator[str]:
    if rule.consent is not None:
        words = {
            "none": "no consent needed",
            "express": "prior express consent",
            "written": "prior consent in writing",
            "optin_proof": "prior consent with proof",
        }
        yield words[rule.consent]
    if rule.consent_max_age_days:
        yield f"consent at most {rule.consent_max_age_days} days old"
    if rule.must_identify:
        yield "say who calls"
    if rule.must_offer_opt_out:
        yield "offer to opt out in the call"
    if rule.min_ring_seconds:
        yield f"ring at least {rule.min_ring_seconds} seconds"
    if rule.abandon is not None:
        share, days = rule.abandon.percent, rule.abandon.days
        yield f"at most {share:g} % of what people answer abandoned in {days} days"


def _about_afterwards(rule: Rule) -> Iterator[str]:
    if rule.opt_out_within_days is not None:
        days = rule.opt_out_within_days
        asked = f"within {days} days; here it holds at once" if days else "at once, as it does here"
        yield f"an opt-out is to hold {asked}"
    if rule.cooloff_after_refusal_days:
        yield f"{rule.cooloff_after_refusal_days} days without calls after a refusal"
    if rule.cooloff_after_abandoned_hours:
        yield f"{rule.cooloff_after_abandoned_hours} hours without calls after an abandoned one"

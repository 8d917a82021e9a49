"""A campaign's counts and report as text."""

from collections.abc import Iterator, Mapping

from campaigns.cli.output import say, show_table
from campaigns.reporting.values import CampaignCounts, CampaignReport

_PEOPLE = {
    "pending": "waiting",
    "in_flight": "being called",
    "completed": "reached",
    "exhausted": "not reached",
    "expired": "too late",
    "blocked": "opted out",
    "review": "to review",
    "removed": "removed",
}


def show_counts(counts: CampaignCounts) -> None:
    """What goes on in a campaign now."""
    campaign, people = counts.campaign, counts.recipients
    say(f"{campaign.name} (campaign {campaign.id}, {campaign.kind})")
    say(counts.sentence)
    say(f"{people.done:,} of {people.total:,} done{_not_yet_said(counts)}")
    rows = [(name, getattr(people, status)) for status, name in _PEOPLE.items()]
    rows += [
        ("on the phone", counts.on_the_phone),
        ("retrying", counts.retrying),
        ("calls in the last minute", counts.calls_last_minute),
    ]
    show_table(("people", ""), rows, "")
    if counts.answers.keys:
        answers = [(key.digit, key.meaning, key.latest, key.presses) for key in counts.answers.keys]
        show_table(("key", "meaning", "last word of", "presses"), answers, "")


def show_report(report: CampaignReport) -> None:
    """Everything about one campaign."""
    show_counts(report)
    attempts = report.attempts
    facts = {
        "attempts": attempts.total,
        "counted": attempts.spent,
        "in doubt": attempts.in_doubt,
        "ever in doubt": attempts.ever_in_doubt,
        "refused by the provider": attempts.refused,
    }
    say("")
    show_table(("calls", ""), list(facts.items()), "")
    rows = [
        *_counted("attempts that are", attempts.by_status),
        *_counted("calls that ended as", report.dispositions),
        *_counted("not placed because of", attempts.cancelled_by_reason),
    ]
    show_table(("", "", ""), rows, "No attempt was made yet.")
    if report.hours:
        hours = [(h.hour, h.calls, h.answered, h.cancelled) for h in report.hours]
        show_table(("hour (UTC)", "calls", "answered", "not placed"), hours, "")


def _not_yet_said(counts: CampaignCounts) -> str:
    """Who waits, without what the campaign's own sentence has said already."""
    told = counts.waiting.sentence
    if told in counts.sentence:
        return "."
    head, _, why = told.partition(", but ")
    return f"; {head}." if why and why in counts.sentence else f"; {told}"


def _counted(what: str, counts: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    for name, count in counts.items():
        if count:
            yield what, name.replace("_", " "), count

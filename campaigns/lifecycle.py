"""Every status there is, what it means, and how it is left. Pure data; the database holds the rows.

    attempt    queued ─▶ dialing ─▶ ringing ─▶ in_progress ─▶ ended
                  └────────┴─▶ cancelled            (no call was made; never counted)
    recipient  pending ⇄ in_flight ─▶ completed | exhausted | expired | blocked | review
                          pending | exhausted | expired | review ─▶ removed
    campaign   draft ─▶ scheduled ─▶ running ⇄ paused ─▶ completed | stopped

An attempt's status only moves forward (`RANK`). Events that would move it back, and events that
arrive twice, are stored and answered 2xx but never applied.
"""

from enum import StrEnum

from campaigns.errors import IllegalTransition


class AttemptStatus(StrEnum):
    """Where one call attempt is now."""

    QUEUED = "queued"  # the row is committed and holds a slot; a hint may or may not be on its way
    DIALING = "dialing"  # claimed by one worker: its POST is about to be, or was, written once
    RINGING = "ringing"  # the provider says the callee is being alerted
    IN_PROGRESS = "in_progress"  # the provider says somebody or something answered
    ENDED = "ended"  # over, with a disposition
    CANCELLED = "cancelled"  # no call was made


class Disposition(StrEnum):
    """How an attempt ended."""

    ANSWERED_HUMAN = "answered_human"
    ANSWERED_MACHINE = "answered_machine"
    ANSWERED = "answered"  # answered, by whom is not known
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    FAILED = "failed"  # transient
    CARRIER_CONGESTION = "carrier_congestion"
    CANCELED = "canceled"  # ended by us, or by the network, before anybody answered
    OPTED_OUT = "opted_out"  # the callee asked not to be called again
    UNKNOWN = "unknown"  # provisional: a call may have been made and nobody can say how it ended


class RecipientStatus(StrEnum):
    """Where one recipient of one campaign is now."""

    PENDING = "pending"  # due at next_attempt_at
    IN_FLIGHT = "in_flight"  # has exactly one live attempt
    COMPLETED = "completed"  # reached, as the campaign defines it
    EXHAUSTED = "exhausted"  # the retry policy has no further attempt
    EXPIRED = "expired"  # the deadline passed before the recipient was reached
    BLOCKED = "blocked"  # opted out
    REVIEW = "review"  # a person must decide; the reason says why
    REMOVED = "removed"  # taken out by a person after there had been an attempt; never called again


class CampaignStatus(StrEnum):
    """Where a campaign is now."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"  # starts by itself at starts_at
    RUNNING = "running"
    PAUSED = "paused"  # nothing queued, nothing posting; live calls may still end
    COMPLETED = "completed"
    STOPPED = "stopped"


RANK: dict[AttemptStatus, int] = {
    AttemptStatus.QUEUED: 0,
    AttemptStatus.DIALING: 1,
    AttemptStatus.RINGING: 2,
    AttemptStatus.IN_PROGRESS: 3,
    AttemptStatus.ENDED: 4,
    AttemptStatus.CANCELLED: 4,
}

LIVE: frozenset[AttemptStatus] = frozenset(
    {
        AttemptStatus.QUEUED,
        AttemptStatus.DIALING,
        AttemptStatus.RINGING,
        AttemptStatus.IN_PROGRESS,
    }
)

ANSWERED: frozenset[Disposition] = frozenset(
    {Disposition.ANSWERED_HUMAN, Disposition.ANSWERED_MACHINE, Disposition.ANSWERED}
)

RECIPIENT_TERMINAL: frozenset[RecipientStatus] = frozenset(
    {
        RecipientStatus.COMPLETED,
        RecipientStatus.EXHAUSTED,
        RecipientStatus.EXPIRED,
        RecipientStatus.BLOCKED,
        RecipientStatus.REVIEW,
        RecipientStatus.REMOVED,
    }
)

CAMPAIGN_TRANSITIONS: dict[CampaignStatus, frozenset[CampaignStatus]] = {
    CampaignStatus.DRAFT: frozenset(
        {CampaignStatus.SCHEDULED, CampaignStatus.RUNNING, CampaignStatus.STOPPED}
    ),
    # Not paused: resumed, it would run before its time.
    CampaignStatus.SCHEDULED: frozenset({CampaignStatus.RUNNING, CampaignStatus.STOPPED}),
    CampaignStatus.RUNNING: frozenset(
        {CampaignStatus.PAUSED, CampaignStatus.COMPLETED, CampaignStatus.STOPPED}
    ),
    CampaignStatus.PAUSED: frozenset(
        {CampaignStatus.RUNNING, CampaignStatus.COMPLETED, CampaignStatus.STOPPED}
    ),
    CampaignStatus.COMPLETED: frozenset(),
    CampaignStatus.STOPPED: frozenset(),
}


def moves_forward(now: AttemptStatus, then: AttemptStatus) -> bool:
    """Whether an attempt may go from `now` to `then`: ranks only grow, and ends are final."""
    return RANK[then] > RANK[now]


def check_campaign_transition(now: CampaignStatus, then: CampaignStatus) -> None:
    """Raise `IllegalTransition`, naming what is legal, unless a campaign may go `now` → `then`."""
    legal = CAMPAIGN_TRANSITIONS[now]
    if then not in legal:
        options = ", ".join(sorted(legal)) or "nothing: this is final"
        raise IllegalTransition(
            f"The campaign is {now} and cannot become {then}. Nothing was changed. "
            f"From {now} it can become: {options}."
        )

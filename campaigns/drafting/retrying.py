"""Retry policies by names people understand, and any policy in words. Pure."""

from typing import Any, NamedTuple

from campaigns.drafting.lengths import length_in_words
from campaigns.errors import InvalidInput
from campaigns.lifecycle import Disposition
from campaigns.retries import RetryPolicy

# The endings after which one may try again, in the order in which people think of them.
ENDINGS = (
    (Disposition.NO_ANSWER, "Nobody answers"),
    (Disposition.BUSY, "The line is busy"),
    (Disposition.ANSWERED_MACHINE, "A machine answers"),
    (Disposition.FAILED, "The call fails"),
    (Disposition.CARRIER_CONGESTION, "The network is congested"),
    (Disposition.UNKNOWN, "It is not known how it ended"),
)


class Preset(NamedTuple):
    """A retry policy by a name people understand."""

    key: str
    name: str
    hint: str
    policy: RetryPolicy


def _preset(key: str, name: str, hint: str, **policy: Any) -> Preset:
    return Preset(key, name, hint, RetryPolicy.parse(policy))


PRESETS = (
    Preset("normal", "Normal", "Up to 3 calls, from minutes to an hour apart", RetryPolicy()),
    _preset(
        "gentle",
        "Gentle",
        "One more try, hours later",
        max_attempts=2,
        waits={
            "busy": [1800],
            "no_answer": [4 * 3600],
            "failed": [1800],
            "carrier_congestion": [600],
        },
    ),
    _preset(
        "persistent",
        "Persistent",
        "Up to 6 calls over two or three days, each day at another hour",
        max_attempts=6,
        max_per_day=3,
        limits={"busy": 4, "failed": 3},
        waits={
            "busy": [300, 900, 3600],
            "no_answer": [900, 3600, 4 * 3600, 27 * 3600],
            "failed": [300, 1800],
            "carrier_congestion": [120, 300, 600],
        },
    ),
    _preset("once", "Once", "Nobody is called a second time", max_attempts=1, waits={}),
)


def preset_named(key: str) -> RetryPolicy:
    """The policy behind a name; raises `InvalidInput` naming those there are."""
    for one in PRESETS:
        if one.key == key.strip().lower():
            return one.policy
    known = ", ".join(one.key for one in PRESETS)
    raise InvalidInput(f"“{key[:40]}” is no retry policy. Use one of {known}, or a table.")


def preset_of(policy: RetryPolicy) -> str | None:
    """The name of a policy that is one of the presets."""
    return next((one.key for one in PRESETS if one.policy == policy), None)


def policy_in_words(policy: RetryPolicy) -> list[str]:
    """Everything a policy says, as sentences."""
    if policy.max_attempts == 1 or not any(policy.waits.values()):
        return ["Everybody is called once."]
    return [
        _how_often(policy),
        *_again(policy),
        *_numbers(policy),
        *_machines(policy),
        *(["A call on a later day goes out at another hour."] if policy.other_hour else []),
        *(["Also when nobody can say how a call ended."] if policy.redial_unknown else []),
    ]


def _how_often(policy: RetryPolicy) -> str:
    daily = f", at most {policy.max_per_day} within 24 hours" if policy.max_per_day else ""
    return f"Up to {policy.max_attempts} calls to each person{daily}."


def _again(policy: RetryPolicy) -> list[str]:
    parts = []
    for ending, label in ENDINGS:
        waits = policy.waits.get(ending)
        if not waits or _is_final(policy, ending):
            continue
        told = " and ".join(dict.fromkeys(length_in_words(wait) for wait in waits[:6]))
        limit = policy.limits.get(ending)
        at_most = f" (at most {limit} such calls)" if limit else ""
        parts.append(f"when {label[:1].lower()}{label[1:]}, after {told}{at_most}")
    return [f"Again {'; '.join(parts)}."] if parts else []


def _is_final(policy: RetryPolicy, ending: Disposition) -> bool:
    machine = ending is Disposition.ANSWERED_MACHINE and policy.machine_is_enough
    return machine or (ending is Disposition.UNKNOWN and not policy.redial_unknown)


def _numbers(policy: RetryPolicy) -> list[str]:
    if not policy.per_number:
        return []
    told = [f"{_ordinal(place)} {_times(limit)}" for place, limit in enumerate(policy.per_number)]
    more = " and each further one as often" if len(told) > 1 else ""
    if len(told) == 1:
        return [f"Each number is called at most {_times(policy.per_number[0])}."]
    return [f"At most, the {', the '.join(told)}{more}."]


def _machines(policy: RetryPolicy) -> list[str]:
    if policy.message_then_person:
        return [
            "A message is left on a machine once; then a person is called for. Who has the message "
            "and cannot be reached counts as reached."
        ]
    if policy.machine_counts_as_reached:
        return ["An answering machine counts as reached."]
    return []


def _ordinal(place: int) -> str:
    names = ("first number", "second", "third", "fourth", "fifth")
    return names[place] if place < len(names) else f"{place + 1}th"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")

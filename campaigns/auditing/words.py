"""Entries of the audit log as people say them. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

# What was done, to follow the name of who did it; `{thing}` is what it was done to.
PHRASES = {
    "account.add": "added {thing}",
    "account.add_caller_id": "gave {thing} a caller id",
    "account.change": "changed {thing}",
    "account.off": "switched {thing} off",
    "account.pause": "paused {thing}",
    "account.limit_caller_id": "limited a caller id of {thing}",
    "account.pause_caller_id": "paused a caller id of {thing}",
    "account.resume_caller_id": "resumed a caller id of {thing}",
    "account.remove_caller_id": "took a caller id from {thing}",
    "account.resume": "let {thing} dial again",
    "audio.add": "uploaded {thing}",
    "audio.delete": "deleted {thing}",
    "campaign.archive": "put {thing} into the archive",
    "campaign.change_hours": "changed when {thing} may call",
    "campaign.change_trying": "changed how hard {thing} tries",
    "campaign.change_pace": "changed the pace of {thing}",
    "campaign.clone": "made a copy of {thing}",
    "campaign.create": "created {thing}",
    "campaign.delete": "deleted {thing}",
    "campaign.edit": "changed {thing}",
    "campaign.export": "took a file of {thing} along",
    "campaign.pause": "paused {thing}",
    "campaign.redial": "made a campaign for those whom {thing} did not reach",
    "campaign.resume": "let {thing} go on",
    "campaign.start": "started {thing}",
    "campaign.stop": "stopped {thing}",
    "campaign.unarchive": "took {thing} out of the archive",
    "consent.add": "recorded {thing}",
    "consent.import": "recorded a file of {thing}",
    "consent.revoke": "revoked {thing}",
    "dialling.switch_off": "switched all dialling off",
    "dialling.switch_on": "let dialling go on everywhere",
    "evidence.export": "took the evidence about a number along",
    "import.confirm": "had {thing} imported",
    "import.create": "handed in {thing}",
    "import.discard": "discarded {thing}",
    "import.export": "took the rejected rows of {thing} along",
    "import.undo": "undid {thing}",
    "key.create": "made {thing}",
    "key.revoke": "revoked {thing}",
    "opt_out.add": "recorded opt-outs, {thing}",
    "opt_out.export": "took a file of {thing} along",
    "opt_out.import": "recorded a file of opt-outs, {thing}",
    "opt_out.lift": "undid {thing}",
    "recipient.add": "added {thing}",
    "recipient.cancel": "cancelled the appointment of {thing}",
    "recipient.change": "changed {thing}",
    "recipient.move": "moved the appointment of {thing}",
    "recipient.push": "added people to {thing}",
    "recipient.remove": "removed {thing}",
    "recurrence.create": "made {thing}",
    "recurrence.end": "ended {thing}",
    "recurrence.pause": "paused {thing}",
    "recurrence.resume": "let {thing} go on",
    "test_call.place": "placed a test call, {thing}",
    "user.add": "added {thing}",
    "user.change": "changed {thing}",
    "user.change_password": "chose a new password",
    "user.reset_password": "gave {thing} a new password",
    "user.sign_out": "signed {thing} out everywhere",
    "webhook.create": "added {thing}",
    "webhook.pause": "paused {thing}",
    "webhook.remove": "removed {thing}",
    "webhook.replay": "had {thing} send again",
    "webhook.resume": "let {thing} send again",
    "webhook.rotate_secret": "gave {thing} a new secret",
    "webhook.update": "changed {thing}",
}
NOUNS = {"key": "API key", "opt_out": "opt-out", "opt_outs": "opt-outs", "test_call": "test call"}


class Change(NamedTuple):
    """One value that is another now; None where there was, or is, none."""

    name: str
    before: str | None
    after: str | None


def sentence(actor: str, action: str, subject: str, name: str | None = None) -> str:
    """Who did what: "Ada paused campaign 12 (Water is off)." `name` is what the thing is called."""
    what = f"{thing(subject)} ({name})" if name else thing(subject)
    phrase = PHRASES.get(action)
    if phrase is None:
        noun, _, verb = action.partition(".")
        phrase = f"did “{noun_of(noun)}: {verb.replace('_', ' ')}” to {{thing}}"
    return f"{actor} {phrase.replace('{thing}', what)}."


def thing(subject: str) -> str:
    """What something was done to: "campaign:12" is campaign 12."""
    noun, _, ident = subject.partition(":")
    return f"{noun_of(noun)} {ident}".strip()


def noun_of(noun: str) -> str:
    """A noun of the log as it is written in a sentence."""
    return NOUNS.get(noun, noun.replace("_", " "))


def name_in(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str | None:
    """What the thing was called, if the entry says so."""
    for values in (after, before):
        name = (values or {}).get("name")
        if isinstance(name, str) and name:
            return name[:100]
    return None


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """Every value that the entry names, in the order of the names."""
    names = sorted({*(before or {}), *(after or {})})
    return [
        Change(name.replace("_", " "), _shown(before, name), _shown(after, name)) for name in names
    ]


def _shown(values: Mapping[str, Any] | None, name: str) -> str | None:
    if values is None or name not in values:
        return None
    value = values[name]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return "none" if value is None else str(value)

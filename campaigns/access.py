"""Who may do what: the one place where roles are given their permissions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from campaigns.errors import Forbidden
from campaigns.phone.masking import mask_number, mask_numbers_in


class Role(StrEnum):
    """What a person or a key is trusted with. Each role may do what the ones before it may."""

    VIEWER = "viewer"  # watches; sees no telephone number in full
    OPERATOR = "operator"  # runs campaigns and looks people up
    ADMIN = "admin"  # also accounts, users, keys, and what cannot be undone by an operator


class Permission(StrEnum):
    """One thing a request may need. A route names exactly one."""

    SEE = "see"
    SEE_NUMBERS = "see_numbers"  # telephone numbers in full, so also exports
    # Create, edit, import, start, pause, stop, call, opt out; and stop all dialling at once.
    RUN_CAMPAIGNS = "run_campaigns"
    LIFT_OPT_OUTS = "lift_opt_outs"  # somebody who said stop may be called again
    # Accounts, users, keys, webhooks, the audit log; and let dialling go on everywhere.
    ADMINISTER = "administer"


_VIEWER = frozenset({Permission.SEE})
_OPERATOR = _VIEWER | {Permission.SEE_NUMBERS, Permission.RUN_CAMPAIGNS}
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: _OPERATOR | {Permission.LIFT_OPT_OUTS, Permission.ADMINISTER},
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a signed-in user, an API key, or the command line, which has every right.

    `id` is the user's or the key's; the command line and the system have none.
    """

    kind: Literal["user", "key", "cli", "system"]
    name: str
    role: Role
    id: int | None = None

    @property
    def by(self) -> str:
        """Who did it, within a sentence: “by Ada”, “by the command line”."""
        return {
            "user": self.name,
            "key": f"the API key “{self.name}”",
            "cli": "the command line",
            "system": "Outdial",
        }[self.kind]

    @property
    def subject(self) -> str:
        """The same at the beginning of a sentence."""
        return self.by[:1].upper() + self.by[1:]

    def may(self, permission: Permission) -> bool:
        """Whether this actor's role grants it."""
        return permission in GRANTS[self.role]

    def check(self, permission: Permission) -> None:
        """Raise `Forbidden` unless this actor's role grants it."""
        if not self.may(permission):
            raise Forbidden(
                f"The role {self.role.value} may not do this. Nothing was changed. "
                "Ask an administrator for another role, or to do it for you."
            )

    def number(self, number: str) -> str:
        """A telephone number as this actor may see it: in full, or masked."""
        return number if self.may(Permission.SEE_NUMBERS) else mask_number(number)

    def text(self, text: str) -> str:
        """A text as this actor may see it: with the telephone numbers in it in full, or masked."""
        return text if self.may(Permission.SEE_NUMBERS) else mask_numbers_in(text)

    def check_sought(self, text: str, *, most_digits: int = 0) -> None:
        """Raise `Forbidden` when who may not see numbers looks for one: to find it is to see it.

        As many as `most_digits` digits in a text are not taken for a number.
        """
        digits = sum(sign.isdigit() for sign in text)
        if digits > most_digits and not self.may(Permission.SEE_NUMBERS):
            raise Forbidden(
                f"The role {self.role.value} sees no telephone numbers, so it cannot look for "
                "them either. Ask somebody who may."
            )


CLI = Actor("cli", "command line", Role.ADMIN)
SYSTEM = Actor("system", "Outdial", Role.ADMIN)

"""What `outdial campaign create` takes: one option a field, in the order of its help."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from campaigns.cli.output import JsonOption, json_option
from campaigns.config import settings
from campaigns.drafting import CampaignDraft
from campaigns.drafting.lengths import ramp_of_text

Options = TypeVar("Options")


@dataclass(frozen=True, slots=True)
class CampaignOptions:
    """A campaign as the command line describes it."""

    name: Annotated[str, typer.Option(help="What people will know it by.")]
    kind: Annotated[str, typer.Option(help="reminder or announcement")]
    account: Annotated[str, typer.Option(help="Name of the account that calls.")]
    organisation: Annotated[str, typer.Option(help="Who is calling, as it is spoken.")] = ""
    contact: Annotated[str, typer.Option(help="How to reach them, as it is spoken.")] = ""
    message: Annotated[str | None, typer.Option(help="What is said, with {columns} in it.")] = None
    voicemail: Annotated[str, typer.Option(help="hang_up or leave_message")] = "hang_up"
    voicemail_text: Annotated[str | None, typer.Option(help="Left on a machine.")] = None
    language: Annotated[str, typer.Option(help="Language of the voice.")] = "en-US"
    voice: Annotated[str | None, typer.Option(help="The provider's name of a voice.")] = None
    flow: Annotated[str | None, typer.Option(help="A whole call flow: JSON, or @FILE.")] = None
    offset: Annotated[
        str | None, typer.Option(help='Due so long before the appointment: "24h", "90m".')
    ] = None
    deadline: Annotated[
        str | None, typer.Option(help="Of no more use so long before the appointment.")
    ] = None
    date_format: Annotated[
        str | None, typer.Option(help='How lists write appointments: "DD/MM/YYYY HH:MM".')
    ] = None
    windows: Annotated[str, typer.Option(help='Calling hours, local: "mon-fri 09:00-17:30".')] = (
        "always"
    )
    holidays: Annotated[
        str | None, typer.Option(help='No calls then: "US", "US-CA", "US-CA 2026-12-24".')
    ] = None
    rule_set: Annotated[
        str | None, typer.Option(help="Calling rules: house, law, or practice on the simulator.")
    ] = None
    purpose: Annotated[
        str | None,
        typer.Option(help="reminder, informational, marketing, debt, survey or emergency"),
    ] = None
    voice_type: Annotated[str, typer.Option(help="Who speaks: recorded, ai or live.")] = "recorded"
    subject: Annotated[
        str | None, typer.Option(help="What it is about, for caps on one subject.")
    ] = None
    caller_id: Annotated[
        list[str] | None, typer.Option(help="Number to show; repeated: several to choose from.")
    ] = None
    local_presence: Annotated[
        bool, typer.Option("--local-presence", help="Show one of the callee's own area code.")
    ] = False
    starts_at: Annotated[str | None, typer.Option(help="ISO 8601 with offset.")] = None
    ends_at: Annotated[str | None, typer.Option(help="ISO 8601 with offset.")] = None
    max_cps: Annotated[float | None, typer.Option(help="Calls per second, at most.")] = None
    weight: Annotated[float, typer.Option(help="Share beside other campaigns.")] = 1.0
    ramp: Annotated[
        str | None, typer.Option(help='Growth after a start: "20% 10m", or "none".')
    ] = None
    ring_timeout: Annotated[int, typer.Option(help="Seconds a call rings.")] = 30
    retry_policy: Annotated[
        str, typer.Option(help="normal, gentle, persistent or once; or JSON, or @FILE.")
    ] = "normal"
    cap: Annotated[
        list[str] | None, typer.Option(help='Calls at most: "3 in 24h to a number". Repeatable.')
    ] = None
    default_country: Annotated[
        str | None, typer.Option(help="Of numbers without a country code.")
    ] = None

    def draft(self) -> CampaignDraft:
        """The same as every other door asks for it. Raises `InvalidInput`."""
        given = {one.name: getattr(self, one.name) for one in fields(self)} | {
            "caller_id": self.caller_id[0] if self.caller_id else None,
            "more_caller_ids": self.caller_id[1:] if self.caller_id else None,
            "ramp": ramp_of_text(self.ramp) if self.ramp else None,
            "flow": json_option(self.flow, "--flow") if self.flow else None,
            "retry_policy": policy_option(self.retry_policy),
            "caps": self.cap,
            "default_country": self.default_country or settings().default_country,
        }
        del given["cap"]
        return CampaignDraft.read({key: one for key, one in given.items() if one is not None})


def policy_option(text: str) -> Any:
    """Retries by their name, or as JSON or @FILE. Raises `InvalidInput`."""
    return text if text.isalpha() else json_option(text, "--retry-policy")


def takes(
    options: Callable[..., Options],
) -> Callable[[Callable[[Options, bool], None]], Callable[..., None]]:
    """Let a command have an option for each field of a dataclass, and `--json`."""

    def decorate(act: Callable[[Options, bool], None]) -> Callable[..., None]:
        def command(**given: Any) -> None:
            as_json: bool = given.pop("as_json")
            act(options(**given), as_json)

        hints = get_type_hints(options, include_extras=True) | {"as_json": JsonOption}
        known = inspect.signature(options).parameters
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=known[name].default if name in known else False,
                    annotation=hint,
                )
                for name, hint in hints.items()
            ]
        )
        command.__annotations__ = hints
        command.__name__, command.__doc__ = act.__name__, act.__doc__
        return command

    return decorate

"""Call flows: the built-in ones, and what a flow sounds like."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from campaigns import audio
from campaigns.access import Permission
from campaigns.flows.builtin import announcement_flow, reminder_flow
from campaigns.flows.model import CallFlow
from campaigns.flows.preview import preview
from campaigns.web.api.shapes import BoundedRoute, Page
from campaigns.web.auth import needs
from campaigns.web.dependencies import SnapshotDep

router = APIRouter(prefix="/flows", tags=["flows"], route_class=BoundedRoute)


class BuiltinFlow(BaseModel):
    """A flow that is ready to use, to be taken as it is or changed."""

    name: str = Field(examples=["reminder"])
    columns: list[str] = Field(description="Columns of the list that its texts name.")
    flow: dict[str, Any]


class PreviewIn(BaseModel):
    """A flow, and one recipient's columns."""

    model_config = ConfigDict(extra="forbid")

    flow: dict[str, Any]
    fields: dict[str, str] = Field(
        default_factory=dict,
        examples=[{"name": "Ada", "appointment": "Tuesday 24 November at 3 PM"}],
    )


class PreviewOut(BaseModel):
    """Sentences in the order in which they are heard."""

    columns: list[str] = Field(description="Columns that the texts name.")
    human: list[str] = Field(description="Heard until a key is pressed.")
    voicemail: list[str] = Field(description="Left on a machine; empty: we hang up.")
    keys: dict[str, list[str]] = Field(description="Heard after each key.")
    wrong_key: list[str]
    not_recorded: list[str] = Field(description="When a choice could not be kept.")


@router.get("", dependencies=[needs(Permission.SEE)])
def list_builtin_flows() -> Page[BuiltinFlow]:
    """The built-in flows, with an example organisation in them."""
    flows = {
        "reminder": reminder_flow("Lakeside Clinic"),
        "announcement": announcement_flow(
            "Dear {name}, the water will be off on Monday.", organisation="Lakeside Water"
        ),
    }
    items = [
        BuiltinFlow(name=name, columns=flow.columns(), flow=flow.to_json())
        for name, flow in flows.items()
    ]
    return Page(items=items)


@router.post("/preview", dependencies=[needs(Permission.SEE)])
def preview_flow(body: PreviewIn, session: SnapshotDep) -> PreviewOut:
    """What one recipient would hear. Nothing is stored."""
    flow = CallFlow.from_json(body.flow)
    heard = preview(flow, body.fields, audio.facts_of(session, flow.audio()))
    return PreviewOut(
        columns=flow.columns(),
        human=heard.human,
        voicemail=heard.voicemail,
        keys=heard.keys,
        wrong_key=heard.wrong_key,
        not_recorded=heard.not_recorded,
    )

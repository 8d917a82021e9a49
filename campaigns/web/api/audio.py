"""Audio that call flows play: uploaded once, looked into, kept under its content."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from campaigns import audio
from campaigns.access import Permission
from campaigns.links import audio_path
from campaigns.models import AudioFile
from campaigns.vault import Vault
from campaigns.web.api.shapes import CONFLICT, NOT_FOUND, Before, Id, Limit, Page
from campaigns.web.audio import Received, receive_audio
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SnapshotDep

# Not a BoundedRoute: an upload is bounded by its own limit.
router = APIRouter(prefix="/audio", tags=["audio"])

_FILE = {"type": "string", "format": "binary"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "audio/wav": {"schema": _FILE},
            "audio/mpeg": {"schema": _FILE},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": _FILE},
                    "required": ["file"],
                }
            },
        },
    }
}


class AudioView(BaseModel):
    """One audio. A call flow plays it by `{"audio": "<sha256>"}` in place of a text."""

    id: int
    name: str = Field(examples=["greeting.wav"])
    sha256: str = Field(description="Of its bytes, in hex: what a call flow names it by.")
    media_type: str = Field(examples=["audio/wav"])
    seconds: float = Field(description="How long it plays.", examples=[12.4])
    size: int = Field(description="Bytes.")
    url: str = Field(description="Where it is heard, below this server's address.")
    already: bool = Field(False, description="The same content was uploaded before.")
    created_at: datetime


def audio_view(row: AudioFile, vault: Vault, *, already: bool = False) -> AudioView:
    """An audio as programs and pages see it."""
    same = ("id", "name", "sha256", "media_type", "seconds", "size", "created_at")
    return AudioView(
        **{name: getattr(row, name) for name in same},
        url=audio_path(row.id, row.media_type, vault),
        already=already,
    )


async def _received(
    request: Request,
    name: Annotated[
        str | None, Query(max_length=200, description="Its name, when the body is the bare audio.")
    ] = None,
) -> Received:
    return await receive_audio(request, name)


@router.post(
    "",
    status_code=201,
    openapi_extra=_BODY,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
    responses={
        200: {"model": AudioView, "description": "This very content is kept; see `already`."},
        413: {"description": "The audio is larger than 10 MB; nothing was kept."},
        415: {"description": "Neither multipart/form-data nor audio."},
    },
)
def create_audio(
    request: Request,
    received: Annotated[Received, Depends(_received)],
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
    response: Response,
) -> AudioView:
    """Upload WAV (PCM or µ-law) or MP3 of at most 10 MB and 10 minutes."""
    kept = audio.keep_audio(session, received.name, received.data, viewer.actor, now)
    if kept.already:
        response.status_code = 200
    return audio_view(kept.row, request.app.state.vault, already=kept.already)


@router.get("", dependencies=[needs(Permission.SEE)])
def list_audio(
    request: Request, session: SnapshotDep, after: Before = None, limit: Limit = 50
) -> Page[AudioView]:
    """Audio, newest first."""
    found = audio.list_audio(session, after, limit)
    items = [audio_view(row, request.app.state.vault) for row in found]
    return Page(items=items, next=found[-1].id if len(found) == limit else None)


@router.get("/{audio_id}", responses=NOT_FOUND, dependencies=[needs(Permission.SEE)])
def get_audio(request: Request, audio_id: Id, session: SnapshotDep) -> AudioView:
    """One audio."""
    return audio_view(audio.audio_by_id(session, audio_id), request.app.state.vault)


@router.delete(
    "/{audio_id}",
    status_code=204,
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def delete_audio(audio_id: Id, session: SessionDep, now: NowDep, viewer: ViewerDep) -> None:
    """Delete an audio that no campaign plays."""
    audio.delete_audio(session, audio_id, viewer.actor, now)

"""A recording that is played in place of a text comes in from the browser."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from campaigns import audio
from campaigns.access import Permission
from campaigns.flows.preview import length_in_words
from campaigns.links import audio_path
from campaigns.web.audio import Received, receive_audio
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep
from campaigns.web.pages.rendering import redirect
from campaigns.web.pages.wizard.frame import DraftDep, step_url

# Not a BoundedRoute: an upload is bounded by its own limit.
router = APIRouter(prefix="/campaigns/{campaign_id}/setup/message/audio")


async def _received(request: Request, _campaign: DraftDep) -> Received:
    return await receive_audio(request)


@router.post("", dependencies=[needs(Permission.RUN_CAMPAIGNS)])
def take_audio(
    request: Request,
    campaign: DraftDep,
    received: Annotated[Received, Depends(_received)],
    session: SessionDep,
    now: NowDep,
    viewer: ViewerDep,
) -> Response:
    """Keep a WAV or MP3; a script is told what it is, a plain form comes back to the step."""
    row = audio.keep_audio(session, received.name, received.data, viewer.actor, now).row
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(
            {
                "sha256": row.sha256,
                "name": row.name,
                "length": length_in_words(row.seconds),
                "url": audio_path(row.id, row.media_type, request.app.state.vault),
            }
        )
    return redirect(
        request, step_url(campaign.id, "message"), said=f"“{row.name}” can be chosen now."
    )

"""Files that do not change under their address: every address carries the file's own hash."""

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope


class HashedFiles(StaticFiles):
    """Static files that a browser may keep for a year once it asked for them by their hash."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; anybody may have it."""
        response = await super().get_response(path, scope)
        if scope["query_string"].startswith(b"v="):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        else:
            response.headers["Cache-Control"] = "no-cache"
        return response

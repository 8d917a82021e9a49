"""What the pages of opt-outs and of consents share: a file handed in, and words for what came."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from campaigns.errors import InvalidInput, OutdialError
from campaigns.web.api.shapes import LARGEST_ID
from campaigns.web.api.uploads import Upload, receive_file
from campaigns.web.dependencies import SettingsDep
from campaigns.web.pages.rendering import render

# By which road something came that people also enter on the page.
ROADS = {
    "page": "Entered here",
    "import": "From a file",
    "api": "Over the API",
    "cli": "Command line",
}


async def _uploaded(request: Request, config: SettingsDep) -> AsyncIterator[Upload | str]:
    """The file, or why it cannot be taken."""
    try:
        upload = await receive_file(request, config.data_dir, config.max_upload_mb, None)
    except OutdialError as problem:
        yield str(problem)
        return
    try:
        yield upload
    finally:
        upload.path.unlink(missing_ok=True)


UploadDep = Annotated[Upload | str, Depends(_uploaded, scope="function")]


@dataclass(frozen=True, slots=True)
class FilePage:
    """The page on which a file of one kind is handed in, and its report shown."""

    template: str

    def empty(self, request: Request) -> HTMLResponse:
        """The form."""
        return self._shown(request)

    def taken(
        self, request: Request, upload: Upload | str, import_file: Callable[[Upload], Any]
    ) -> HTMLResponse:
        """What became of a file, or why it was not taken; the form is there again."""
        if isinstance(upload, str):
            return self._shown(request, problem=upload)
        try:
            report = import_file(upload)
        except InvalidInput as problem:
            return self._shown(request, problem=str(problem))
        return self._shown(request, report=report, file_name=upload.file_name)

    def _shown(
        self, request: Request, *, problem: str = "", report: Any = None, file_name: str = ""
    ) -> HTMLResponse:
        return render(
            request,
            self.template,
            status=422 if problem else 200,
            problem=problem,
            report=report,
            file_name=file_name,
        )


def row_number(text: str) -> int | None:
    """Where a list goes on, as its address says; None for the beginning, and for nonsense."""
    known = text.isascii() and text.isdigit() and 0 < int(text[:19]) <= LARGEST_ID
    return int(text[:19]) if known else None


def who_waits_again(count: int) -> str:
    """ " 2 people wait for a call again.", to follow a sentence; nothing for nobody."""
    if not count:
        return ""
    return f" {count:,} {'person waits' if count == 1 else 'people wait'} for a call again."

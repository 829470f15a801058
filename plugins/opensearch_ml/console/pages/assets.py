"""Style sheet, script and icons: the same for everybody, and the only routes that ask nobody who he is."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

router = APIRouter()
_FOLDER = Path(__file__).parents[1] / "assets"
_TYPES = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "search-light.svg": "image/svg+xml",
    "search-dark.svg": "image/svg+xml",
}


@router.get("/assets/{name}")
def asset(name: str) -> FileResponse:
    if name not in _TYPES:
        raise HTTPException(404, "There is no such file.")
    return FileResponse(_FOLDER / name, media_type=_TYPES[name], headers={"Cache-Control": "max-age=60"})

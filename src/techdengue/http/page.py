"""The OpenAPI document, and a page to read and try it: all files come from our own packages, nothing from a CDN."""

import functools
from pathlib import Path
from typing import Final

import msgspec
from litestar.response.base import ASGIResponse
from openapi_ui_bundles import swagger_ui

from . import media
from .call import Call
from .openapi import build_document
from .problems import Problem

_START = b"""// Without it, an example of NDJSON is shown, and would be sent, as one JSON string in quotes.
const LinesAsTheyAre = {
  afterLoad() {
    const stock = this.fn.getSampleSchema;
    this.fn.getSampleSchema = (schema, type, config, example) =>
      type === "application/x-ndjson" && example ? example : stock(schema, type, config, example);
  },
};

window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "/schema/openapi.json",
    dom_id: "#page",
    deepLinking: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [LinesAsTheyAre],
  });
});
"""
_PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>TechDengue API</title>
  <link rel="icon" type="image/png" href="/schema/page/favicon-32x32.png">
  <link rel="stylesheet" href="/schema/page/swagger-ui.css">
</head>
<body>
  <div id="page"></div>
  <script src="/schema/page/swagger-ui-bundle.js"></script>
  <script src="/schema/page/start.js"></script>
</body>
</html>
"""
_SECURE: Final = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline';"
    " frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_KEPT_FOR_A_DAY: Final = {"cache-control": "public, max-age=86400", "x-content-type-options": "nosniff"}
_FILES: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}


async def schema(call: Call) -> ASGIResponse:
    """`GET /schema`: the document, or the page where HTML is preferred."""
    if call.accept == media.HTML:
        return await call.send(_PAGE, media.HTML, headers=_SECURE)
    return await schema_json(call)


async def schema_json(call: Call) -> ASGIResponse:
    """`GET /schema/openapi.json`."""
    return await call.send(document_bytes(), media.JSON)


async def page_file(call: Call) -> ASGIResponse:
    """`GET /schema/page/{name}`: a file that the page needs."""
    name = call.path("name")
    if name == "start.js":
        return await call.send(_START, "text/javascript", headers=_KEPT_FOR_A_DAY)
    if name not in _FILES:
        raise Problem("route_not_found", "The page has no such file")
    return await call.send(_file(name), _FILES[name], headers=_KEPT_FOR_A_DAY)


@functools.cache
def document_bytes() -> bytes:
    """The OpenAPI document as JSON, built once."""
    return msgspec.json.encode(build_document())


@functools.cache
def _file(name: str) -> bytes:
    return (Path(swagger_ui.static_path) / name).read_bytes()

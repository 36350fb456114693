"""Builds the OpenAPI 3.1 document from the table of operations, the structs of the wire and the table of problems."""

from collections.abc import Iterable
from importlib import metadata
from typing import Any

import msgspec

from techdengue.http.problems import KINDS, PROBLEM_MEDIA_TYPE, Problem, problem_document
from techdengue.http.roles import LEAST_ROLE
from techdengue.http.socket.close_codes import CLOSE_CODES
from techdengue.http.socket.messages import SUBPROTOCOL

from .examples import PROBLEM_EXAMPLES
from .operation import Operation
from .operations import OPERATIONS
from .parameters import HEADER_PARAMETERS, PARAMETER_TEXTS

_REF = "#/components/schemas/{name}"
_REQUEST_ID = "urn:techdengue:request:0192f3a1c0de7abc8def0123456789ab"
_STRUCTURED = ("application/json", "application/msgpack")
_PATH_TEXTS = {
    "device_id": "The device's own id: 1 to 128 printable characters.",
    "type": "`atividade` or `evidencia`.",
    "evidencia_id": "The evidence's id; a slash in it is sent as %2F.",
    "id": "The id; a slash in it is sent as %2F.",
    "name": "A file of the page.",
}


def build_document() -> dict[str, Any]:
    """The whole document."""
    schemas = _Schemas(OPERATIONS)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "TechDengue",
            "version": metadata.version("techdengue"),
            "description": "Devices send what happened in the field; the server appends it to an event log, settles "
            "conflicts, and tells every device what changed. Requests may be packed with gzip or zstd, answers are "
            "where Accept-Encoding says so. MessagePack is taken and answered wherever JSON is.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [
            {"name": "devices", "description": "What devices call."},
            {"name": "people", "description": "What people and analysts call."},
            {"name": "server", "description": "For the orchestrator, Prometheus and readers of this page."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of the issuer; in development, one of `techdengue token`.",
                }
            },
        },
    }


class _Schemas:
    """JSON Schemas of the structs: of what is sent and what is answered, by name."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        named = [
            shape
            for operation in operations
            for shape in (operation.body, *_shapes(operation.answer), *map(type, (*operation.said, *operation.told)))
        ]
        shapes = [shape for shape in dict.fromkeys(named) if shape is not None]
        references, components = msgspec.json.schema_components(shapes, ref_template=_REF)
        self._references = dict(zip(shapes, references, strict=True))
        self.components: dict[str, Any] = {
            **{name: _with_type(schema) for name, schema in components.items()},
            "Problem": _PROBLEM_SCHEMA,
        }

    def of(self, shape: Any) -> dict[str, Any]:
        found = [self._references[each] for each in _shapes(shape)]
        return found[0] if len(found) == 1 else {"anyOf": found}


def _with_type(schema: dict[str, Any]) -> dict[str, Any]:
    """A closed set of words says that it is of strings: readers of the page see no "any"."""
    return {"type": "string", **schema} if "enum" in schema else schema


def _shapes(shape: Any) -> tuple[Any, ...]:
    return shape if isinstance(shape, tuple) else (shape,)


def _describe(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    least = LEAST_ROLE[operation.name]
    allowed = "Anybody may call it." if least is None else f"Least role: `{least.value}`."
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description} {allowed}".strip(),
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_header_parameters(operation)],
        "responses": {**_answers(operation, schemas), **_problems(operation)},
        "security": [] if least is None else [{"bearer": []}],
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": _content(_STRUCTURED, schemas.of(operation.body), operation.body_examples),
        }
    if operation.body_file is not None:
        file = {"schema": {"type": "string", "format": "binary"}, "examples": {"a file": {"value": "%PDF-1.7 …"}}}
        described["requestBody"]["content"][operation.body_file] = file
    if operation.said:
        described["x-websocket"] = {
            "subprotocol": SUBPROTOCOL,
            "client": [_message(example, schemas) for example in operation.said],
            "server": [_message(example, schemas) for example in operation.told],
            "close_codes": CLOSE_CODES,
        }
    if operation.body_text is not None:
        lines = {"schema": {"type": "string"}, "examples": {"lines": {"value": operation.body_text}}}
        described["requestBody"] = {"required": True, "content": {"application/x-ndjson": lines}}
    return described


def _message(example: msgspec.Struct, schemas: _Schemas) -> dict[str, Any]:
    return {"schema": schemas.of(type(example)), "example": msgspec.json.decode(msgspec.json.encode(example))}


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_TEXTS[name],
            "schema": {"type": "string", "minLength": 1},
            "example": operation.path_examples[name],
        }
        for name in names
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = msgspec.json.schema(operation.query)
    properties = schema["$defs"][operation.query.__name__]["properties"]
    found = []
    for name, property_schema in properties.items():
        text, example = PARAMETER_TEXTS.get(f"{operation.name}.{name}") or PARAMETER_TEXTS[name]
        inlined = _inlined(property_schema, schema["$defs"])
        found.append(
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": text,
                "schema": inlined,
                "example": example,
            }
        )
    return found


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without null (a query string has none) and without references."""
    if "$ref" in schema:
        return {key: value for key, value in definitions[schema["$ref"].rpartition("/")[2]].items() if key != "title"}
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return _inlined(kinds[0], definitions)
    return {key: value for key, value in schema.items() if key != "default" or value is not None}


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": required, "description": text, "schema": schema, "example": example}
        for name, (required, text, schema, example) in HEADER_PARAMETERS.get(operation.name, {}).items()
    ]


def _answers(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    if operation.status == 307:
        location = {"description": "Where it is.", "schema": {"type": "string", "format": "uri"}}
        return {"307": {"description": operation.answer_text, "headers": {"Location": location}}}
    if operation.status in {101, 204}:
        return {str(operation.status): {"description": operation.answer_text}}
    schema = {"type": "string"} if operation.answer is None else schemas.of(operation.answer)
    content = _content(operation.media_types, schema, operation.answer_examples)
    for plain in set(operation.media_types) - {*_STRUCTURED}:
        content[plain]["schema"] = {"type": "string"}
        content[plain]["examples"] = {"example": {"value": operation.text_examples.get(plain, "…")}}
    return {str(operation.status): {"description": operation.answer_text, "content": content}}


def _content(media_types: Iterable[str], schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    named = {name: {"value": msgspec.json.decode(msgspec.json.encode(value))} for name, value in examples.items()}
    return {media_type: {"schema": schema, "examples": dict(named)} for media_type in media_types}


def _problems(operation: Operation) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in operation.problem_codes:
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {str(status): _problem_answer(status, codes) for status, codes in sorted(by_status.items())}


def _problem_answer(status: int, codes: list[str]) -> dict[str, Any]:
    examples = {}
    for code in codes:
        detail, members = PROBLEM_EXAMPLES.get(code, (KINDS[code].title, {}))
        examples[code] = {"value": problem_document(Problem(code, detail, **members), _REQUEST_ID)}
    answer: dict[str, Any] = {
        "description": "; ".join(f"`{code}`: {KINDS[code].title}" for code in codes),
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}, "examples": examples}},
    }
    if headers := _PROBLEM_HEADERS.get(status):
        answer["headers"] = headers
    return answer


def _header(text: str, example: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}, "example": example}


_PROBLEM_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": _header("The challenge of RFC 6750.", 'Bearer realm="techdengue"')},
    405: {"Allow": _header("The methods that it takes.", "GET, OPTIONS")},
    429: {"Retry-After": _header("Seconds to wait.", "2")},
    503: {"Retry-After": _header("Seconds to wait.", "5")},
}
_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457); a code may bring members of its own, such as `path`.",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Names this one request; say it when you ask for help."},
        "code": {"type": "string", "enum": sorted(KINDS)},
        "next": {"type": "string", "description": "What to do next."},
        "path": {"type": "string", "description": "JSON Pointer of the field or name of the parameter."},
    },
    "required": ["type", "title", "status", "detail", "instance", "code", "next"],
}

"""The OpenAPI document tells everything: every call, parameter, answer and error, each with an example that holds."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from techdengue.http.app import ENDPOINTS
from techdengue.http.openapi import build_document
from techdengue.http.problems import KINDS
from techdengue.http.roles import LEAST_ROLE
from techdengue.http.socket.messages import Sent, Told

DOCUMENT = build_document()


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, described in methods.items():
            yield path, method, described


def _contents() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for _, _, described in _operations():
        name = described["operationId"]
        for media_type, content in described.get("requestBody", {}).get("content", {}).items():
            yield f"{name} body", media_type, content
        for status, answer in described["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                yield f"{name} {status}", media_type, content


def test_every_endpoint_is_described_and_nothing_else() -> None:
    served = {
        (endpoint.name, endpoint.method.value.lower(), re.sub(r":str", "", endpoint.path)) for endpoint in ENDPOINTS
    }
    described = {(each["operationId"], method, path) for path, method, each in _operations()}
    assert served == described


def test_every_endpoint_has_a_row_in_the_role_table() -> None:
    assert {endpoint.name for endpoint in ENDPOINTS} | {"entity_as_of"} == LEAST_ROLE.keys()


def test_every_media_type_of_an_endpoint_is_described() -> None:
    by_name = {each["operationId"]: each for _, _, each in _operations()}
    for endpoint in ENDPOINTS:
        answers = by_name[endpoint.name]["responses"]
        content: dict[str, Any] = {}
        for status, answer in answers.items():
            content |= answer.get("content", {}) if status < "3" else {}
        if content and endpoint.name not in {"metrics", "schema_page_file"}:
            assert set(content) == set(endpoint.offers)


def test_every_parameter_has_a_text_and_an_example_that_holds() -> None:
    for _, _, described in _operations():
        for parameter in described["parameters"]:
            assert parameter["description"]
            jsonschema_rs.validate(parameter["schema"], parameter["example"])


@pytest.mark.parametrize(("name", "media_type", "content"), list(_contents()))
def test_every_answer_and_body_has_examples_that_hold(name: str, media_type: str, content: dict[str, Any]) -> None:
    assert content["examples"], name
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    for example in content["examples"].values():
        jsonschema_rs.validate(schema, example["value"])


def test_every_message_of_a_websocket_has_an_example_that_holds() -> None:
    described = DOCUMENT["paths"]["/api/sync/ws"]["get"]["x-websocket"]
    kinds = []
    for message in (*described["client"], *described["server"]):
        jsonschema_rs.validate({**message["schema"], "components": DOCUMENT["components"]}, message["example"])
        kinds.append(message["example"]["type"])
    assert set(kinds) == {each.__struct_config__.tag for each in (*Sent.__args__, *Told.__args__)}
    assert described["close_codes"].keys() <= KINDS.keys()


def test_every_code_is_described_somewhere_but_those_of_unknown_addresses() -> None:
    described = {
        code
        for _, media_type, content in _contents()
        if media_type == "application/problem+json"
        for code in content["examples"]
    }
    assert described == KINDS.keys() - {"method_not_allowed"}


def test_every_call_with_a_role_says_401_403_and_503() -> None:
    for _, _, described in _operations():
        if LEAST_ROLE[described["operationId"]] is not None:
            assert {"401", "403", "503", "500"} <= described["responses"].keys()
            assert described["security"] == [{"bearer": []}]


async def test_the_document_is_served_as_json_and_the_page_as_html(api: httpx.AsyncClient) -> None:
    for path in ("/schema", "/schema/openapi.json"):
        answer = await api.get(path, headers={"accept": "application/json"})
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == DOCUMENT
    assert (await api.get("/schema")).json()["openapi"] == "3.1.0"
    page = await api.get("/schema", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")


async def test_the_page_needs_nothing_from_elsewhere(api: httpx.AsyncClient) -> None:
    page = (await api.get("/schema", headers={"accept": "text/html"})).text
    assert "://" not in page
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(files) == 4
    assert "LinesAsTheyAre" in (await api.get("/schema/page/start.js")).text  # which no browser is here to run
    for file in files:
        assert (await api.get(file, headers={"accept": "text/css,*/*;q=0.1"})).status_code == 200
    assert (await api.get("/schema/page/..%2Fapp.py")).status_code == 404

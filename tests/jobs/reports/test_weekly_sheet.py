"""The weekly report: its figures by the epidemiological week of Cuiabá, on paper in PDF/A, and as JSON."""

import datetime as dt
import json
import uuid
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.reports import weekly
from jobs.reports.figures import EvidenceCount, Figures, figures_of, span_of, week_before
from jobs.reports.sheet import Orientation, PageSize, Paper
from jobs.reports.typesetting import typeset_now
from techdengue.domain.epidemiological_week import EpidemiologicalWeek, week_of

from .pdfa import findings
from .samples import CUIABA, REPORT
from .stage import Stage
from .test_sheets import in_one_line, text_of

SINOP = "5107909"
WEEK = EpidemiologicalWeek(2026, 47)
BEGIN, END = dt.datetime(2026, 11, 22, 4, tzinfo=dt.UTC), dt.datetime(2026, 11, 29, 4, tzinfo=dt.UTC)
JUST = dt.timedelta(microseconds=1)

NOW = Figures(
    activities={"VISTORIA": {"CONCLUIDA": 210, "CRIADA": 12}, "LIRAA": {"CONCLUIDA": 80}, "NOVO": {"ESTRANHO": 1}},
    concluded={"VISTORIA": 215},
    evidence={"FOTO": EvidenceCount(registered=900, verified=880, bytes=2_900_000_000)},
    operations={"applied": 2300, "merged": 41, "conflict": 12},
    devices=38,
    people=36,
    parked=12,
    settled={"client": 5, "merge": 2},
    open_conflicts=6,
)
BEFORE = Figures(activities={"VISTORIA": {"CONCLUIDA": 180}}, devices=38, open_conflicts=1)


def source(**changes: Any) -> weekly.WeeklySource:
    made = weekly.WeeklySource(
        report_id=REPORT,
        asked_by=None,
        generated_at=dt.datetime(2026, 11, 30, 9, tzinfo=dt.UTC),
        verification_url=f"https://vigilancia.example/verificar/{REPORT}",
        paper=Paper(),
        municipio=CUIABA,
        week=WEEK,
        now=NOW,
        before=BEFORE,
    )
    return msgspec.structs.replace(made, **changes)


def test_a_week_runs_from_sunday_to_saturday_by_the_clock_of_cuiaba() -> None:
    assert span_of(WEEK) == (BEGIN, END)
    assert week_before(EpidemiologicalWeek(2026, 1)) == EpidemiologicalWeek(2025, 53)


@given(day=st.dates(dt.date(2, 1, 1), dt.date(9998, 1, 1)))
def test_weeks_follow_one_another_without_a_gap(day: dt.date) -> None:
    week = week_of(day)
    assert span_of(week_before(week))[1] == span_of(week)[0]


def test_the_figures_are_told_against_the_week_before() -> None:
    [page] = text_of(typeset_now(weekly.lay_out(source())))
    told = in_one_line(page)
    for sentence in (
        "SEMANAL Relatório semanal de vigilância de campo página 1 de 1",
        "Solicitado por TechDengue (emissão automática) · gerado em 30/11/2026 05:00:00 (Cuiabá, UTC−4)",
        "Semana epidemiológica 47/2026",
        "22/11/2026 a 28/11/2026, comparada com a semana 46/2026 (15/11/2026 a 21/11/2026)",
        "Vistoria 12 0 210 0 222 180 +42 (+23 %) 215",
        "LIRAa 0 0 80 0 80 0 +80 0",
        "Foto 900 880 2,7 GiB 0 +880",
        "Conflito: mescladas 41 0 +41",
        "Decididos por mescla 2 0 +2",
        "À espera no fim da semana 6 1 +5 (+500 %)",
    ):
        assert sentence in told, told
    assert "ainda não terminou" not in told


def test_a_week_that_still_runs_is_called_so() -> None:
    last_moment = source(generated_at=END - JUST)
    [page] = text_of(typeset_now(weekly.lay_out(last_moment)))
    assert "A semana ainda não terminou: números parciais." in in_one_line(page)
    assert not source(generated_at=END).unfinished


@pytest.mark.parametrize("paper", [Paper(size, orientation) for size in PageSize for orientation in Orientation])
def test_it_is_pdf_a_also_where_nothing_happened(paper: Paper) -> None:
    for made in (source(paper=paper), source(paper=paper, now=Figures(), before=Figures())):
        pdf = typeset_now(weekly.lay_out(made))
        assert findings(pdf) == []
        assert pdf == typeset_now(weekly.lay_out(made))


def test_programs_get_the_same_figures_as_json() -> None:
    told = json.loads(weekly.as_json(source()))
    assert weekly.as_json(source()) == weekly.as_json(source())
    assert told["week"] == {"year": 2026, "number": 47, "first_day": "2026-11-22", "last_day": "2026-11-28"}
    assert told["week_before"]["number"] == 46
    assert told["figures"]["evidence"] == {"FOTO": {"registered": 900, "verified": 880, "bytes": 2_900_000_000}}
    assert told["figures_before"]["devices"] == 38
    assert (told["municipio_nome"], told["unfinished"], told["code"]) == ("Cuiabá", False, "SEMANAL")


async def _event(connection: "asyncpg.Connection[Any]", at: dt.datetime, **changes: Any) -> None:
    fields = {"tenant": CUIABA, "outcome": "applied", "writer": "device-1", "actor": "maria", **changes}
    await connection.execute(
        "INSERT INTO eventstore.event (lane, rule_set, position, sequence, version, occurred_at, recorded_at, tenant, "
        "stream, type, writer, key, digest, actor, outcome, payload, metadata) "
        "VALUES (0, 1, (SELECT coalesce(max(position), 0) + 1 FROM eventstore.event), 1, 1, $1, $1, $2, $3, 't', $4, "
        "$3, '', $5, $6, '', '')",
        at,
        fields["tenant"],
        str(uuid.uuid4()),
        fields["writer"],
        fields["actor"],
        fields["outcome"],
    )


async def _conflict(
    connection: "asyncpg.Connection[Any]", opened: dt.datetime, resolved: dt.datetime | None = None, choice: str = ""
) -> None:
    await connection.execute(
        "INSERT INTO projections.conflict (conflict_id, municipio_cod_ibge, entity_type, entity_id, stream, sequence, "
        "conflict_type, device_id, user_id, opened_at, status, resolved_sequence, choice, resolved_at) "
        "VALUES (gen_random_uuid(), $1, 'atividade', '1', 'atividade/1', 1, 'update_update', 'd', 'u', $2, "
        "CASE WHEN $3::timestamptz IS NULL THEN 'open' ELSE 'resolved' END, "
        "CASE WHEN $3::timestamptz IS NOT NULL THEN 2 END, nullif($4, ''), $3)",
        CUIABA,
        opened,
        resolved,
        choice,
    )


async def test_what_happened_in_the_week_is_counted_and_nothing_else(stage: Stage) -> None:
    for number, moment in enumerate((BEGIN - JUST, BEGIN, END - JUST, END)):
        await stage.activity(f"a-{number}", created=moment, ended=moment)
        await stage.photo(f"e-{number}", content=b"x" * 10, created=moment)
        await _event(stage.connection, moment, writer=f"device-{number % 2}")
        await _conflict(stage.connection, moment)
    await stage.activity("open", created=BEGIN, status="EM_ANDAMENTO", tipo="LIRAA")
    await stage.activity("old", created=BEGIN - dt.timedelta(days=90), ended=BEGIN, tipo="BLOQUEIO")
    await stage.activity("gone", created=BEGIN, deleted=True)
    await stage.photo("waiting", content=b"x", created=BEGIN, verified=False, tipo="VIDEO")
    await _event(stage.connection, BEGIN, writer="console:gestora", outcome="resolved")
    await _event(stage.connection, BEGIN, writer="server:maria", actor="maria", outcome="client_applied")
    await _conflict(stage.connection, BEGIN - JUST, BEGIN, "client")
    await _conflict(stage.connection, BEGIN, END - JUST, "custom")
    await _conflict(stage.connection, BEGIN, END, "server")
    await _conflict(stage.connection, BEGIN - JUST * 2, BEGIN - JUST, "merge")
    found = await figures_of(stage.connection, WEEK, None)
    assert found == {
        CUIABA: Figures(
            activities={"VISTORIA": {"CONCLUIDA": 2}, "LIRAA": {"EM_ANDAMENTO": 1}},
            concluded={"BLOQUEIO": 1, "VISTORIA": 2},
            evidence={
                "FOTO": EvidenceCount(registered=2, verified=2, bytes=20),
                "VIDEO": EvidenceCount(registered=1, verified=0, bytes=0),
            },
            operations={"applied": 2, "resolved": 1},
            devices=2,
            people=1,
            parked=4,
            settled={"client": 1, "custom": 1},
            open_conflicts=4,
        )
    }


async def test_a_municipio_that_is_asked_for_has_figures_also_where_they_are_all_nought(stage: Stage) -> None:
    await stage.activity("a", created=BEGIN, municipio=SINOP)
    assert await figures_of(stage.connection, WEEK, [CUIABA]) == {CUIABA: Figures()}
    assert (await figures_of(stage.connection, WEEK, None)).keys() == {SINOP}

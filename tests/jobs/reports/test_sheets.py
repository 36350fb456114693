"""An EVD01 on paper: PDF/A-2b with its fonts in it, the same bytes each time, whatever people wrote, on every sheet."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pikepdf
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from jobs.reports import evd01, merkle, wording
from jobs.reports.errors import RendererMissing, SheetRefused
from jobs.reports.record import EvidenceRecord, canonical
from jobs.reports.sheet import Orientation, PageSize, Paper, Sheet
from jobs.reports.typesetting import typeset_now

from .pdfa import findings
from .samples import MADE_AT, POINT, REPORT, activity, evidence, source

PAPERS = [Paper(size, orientation) for size in PageSize for orientation in Orientation]
MILLIMETRES = {PageSize.A4: (210, 297), PageSize.A1: (594, 841)}
_POINTS = 72 / 25.4


def pdf_of(made: evd01.Source) -> bytes:
    return typeset_now(evd01.lay_out(made, {}))


def text_of(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


LONG_ID = "-".join(["abcdef0"] * 8)


def _named(number: int) -> EvidenceRecord:
    return msgspec.structs.replace(evidence(number).record, id=f"{number}{LONG_ID[1:]}")


def in_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("paper", PAPERS)
def test_it_is_pdf_a_on_every_sheet(paper: Paper) -> None:
    pdf = pdf_of(source(30, paper=paper))
    assert findings(pdf) == []
    sides = MILLIMETRES[paper.size] if paper.orientation is Orientation.PORTRAIT else MILLIMETRES[paper.size][::-1]
    for page in PdfReader(io.BytesIO(pdf)).pages:
        box = page.mediabox
        assert [float(box.width), float(box.height)] == pytest.approx([side * _POINTS for side in sides], abs=1)


def test_the_checker_finds_what_breaks_pdf_a() -> None:
    with pikepdf.open(io.BytesIO(pdf_of(source(1)))) as pdf:
        del pdf.Root.OutputIntents
        del pdf.Root.Metadata
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript)
        for thing in pdf.objects:
            if isinstance(thing, pikepdf.Dictionary) and thing.get("/Type") == "/FontDescriptor":
                for key in ("/FontFile2", "/FontFile3"):
                    if key in thing:
                        del thing[key]
        broken = io.BytesIO()
        pdf.save(broken, encryption=pikepdf.Encryption(owner="x", user=""))
    clauses = {finding.partition(":")[0] for finding in findings(broken.getvalue())}
    assert {"6.1.3", "6.2.3", "6.6.2", "6.5.1", "6.2.11.4", "6.4 to 6.9"} <= clauses


def test_the_same_source_is_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    program = (
        "import hashlib; from jobs.reports import evd01; from jobs.reports.typesetting import typeset_now; "
        "from tests.jobs.reports.samples import source; "
        "print(hashlib.sha256(typeset_now(evd01.lay_out(source(12), {}))).hexdigest())"
    )
    root = Path(__file__).resolve().parents[3]
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={"TZ": zone, "HOME": str(tmp_path), "PATH": "", "LANG": "C", "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for zone, seed in (("America/Cuiaba", "1"), ("Asia/Tokyo", "2"))
    }
    assert told == {hashlib.sha256(pdf_of(source(12))).hexdigest()}


def test_another_source_is_another_file() -> None:
    told = {
        hashlib.sha256(pdf_of(made)).digest()
        for made in (source(2), source(3), source(2, asked_by=None), source(2, paper=PAPERS[1]))
    }
    assert len(told) == 4


def test_the_head_says_the_code_who_asked_when_and_the_page_and_the_foot_the_whole_root() -> None:
    made = source(20)
    root = merkle.root_of(made.leaves()).hex()
    pages = text_of(pdf_of(made))
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        told = in_one_line(page)
        assert told.startswith("EVD01 Relatório de evidências da atividade")
        assert f"página {number} de {len(pages)}" in told
        assert "Solicitado por gestora.cuiaba · gerado em 28/11/2026 10:30:05 (Cuiabá, UTC−4)" in told
        assert root in told.replace(" ", "")
        assert str(REPORT) in told


def test_the_activity_and_each_piece_of_evidence_are_told() -> None:
    made = source(6)
    told = in_one_line(" ".join(text_of(pdf_of(made))))
    for fact in ("Pesquisa larvária", "Cuiabá — MT (IBGE 5103403)", "Denúncia", "maria.silva", "28/11/2026 08:30:05"):
        assert fact in told
    squeezed = told.replace(" ", "")
    for item in made.evidence:
        assert item.record.id in told
        assert squeezed.count(item.record.hash) == 2  # under its picture, and in the table
        assert merkle.leaf_hash(canonical(item.record)).hex() in squeezed
        assert wording.size(item.record.size) in told
        if item.position is not None:
            assert wording.coordinates(*item.position) in told
        if item.record.captured_at is not None:
            assert wording.local_time(item.record.captured_at) in told


def test_the_qr_code_leads_to_the_verification_page() -> None:
    links = [
        str(annotation.get_object()["/A"]["/URI"])
        for page in PdfReader(io.BytesIO(pdf_of(source(1)))).pages
        for annotation in page.get("/Annots", ())
    ]
    assert set(links) == {f"https://vigilancia.example/verificar/{REPORT}"}


def test_ids_and_addresses_are_set_letter_by_letter_where_a_line_ends_in_them() -> None:
    long = [msgspec.structs.replace(evidence(n), record=_named(n)) for n in range(1, 4)]
    address = f"https://verificacao.vigilancia-em-saude.mt.example/verificar/{REPORT}"
    named = msgspec.structs.replace(activity(), atividade_id=LONG_ID)
    told = "".join(text_of(pdf_of(source(1, evidence=long, activity=named, verification_url=address))))
    squeezed = "".join(told.split()).replace("\u200b", "")
    assert address in squeezed
    assert LONG_ID in squeezed
    assert [squeezed.count(item.record.id) for item in long] == [2, 2, 2]  # under its picture, and in the table


def test_a_row_of_the_table_of_integrity_stays_on_one_page() -> None:
    plain = msgspec.structs.replace(activity(), descricao=None, metadata={})
    for lines in range(8):  # the table begins a little lower each time
        said = msgspec.structs.replace(plain, descricao="uma linha inteira " * 6 * lines or None)
        made = source(3, activity=said)
        pages = ["".join(page.split()) for page in text_of(pdf_of(made))]
        for item, leaf in zip(made.evidence, made.leaves(), strict=True):
            assert [page for page in pages if leaf.hex() in page and item.record.hash in page], (lines, item.record.id)


def test_what_has_no_picture_is_said_in_its_place() -> None:
    made = source(1)
    broken = msgspec.structs.replace(made.evidence[0], picture=None, missing="Arquivo ilegível")
    pdf = pdf_of(msgspec.structs.replace(made, evidence=[broken, evidence(3, "VIDEO")], unverified=2))
    told = in_one_line(" ".join(text_of(pdf)))
    assert "Arquivo ilegível" in told
    assert "Outras 2 sem envio verificado não fazem parte deste relatório." in told
    assert findings(pdf) == []


def test_an_activity_that_says_next_to_nothing_has_a_report_too() -> None:
    bare = evd01.Activity(municipio="5103403", atividade_id="1", version=1)
    pdf = pdf_of(source(1, activity=bare, asked_by=None))
    told = in_one_line(" ".join(text_of(pdf)))
    assert "a atividade não informou posição" in told
    assert "Solicitado por TechDengue (emissão automática)" in told
    assert findings(pdf) == []


@settings(max_examples=25)
@given(
    text=st.text(max_size=60),
    words=st.dictionaries(st.text(max_size=12), st.text(max_size=40) | st.floats() | st.integers(), max_size=4),
)
@example(text='#panic("x") $ \\ ` */ //', words={"#": "*a* _b_"})
@example(text="🦟 \u202e evil \ud7ff \ufffe \x00 \u0301", words={"": ""})
@example(text="x" * 60, words={"y" * 12: "z" * 40})
def test_whatever_people_wrote_is_set_as_it_is(text: str, words: dict[str, Any]) -> None:
    said = msgspec.structs.replace(
        activity(), descricao=text, responsavel=text, tipo=text, atividade_id=text or "0", metadata=words
    )
    item = evidence(1)
    record = msgspec.structs.replace(item.record, id=text or "0")
    made = source(1, activity=said, asked_by=text, evidence=[msgspec.structs.replace(item, record=record)])
    assert findings(pdf_of(made)) == []


def test_every_letter_that_is_let_through_has_a_glyph() -> None:
    letters = "".join(chr(point) for first, last in wording._SHOWN for point in range(first, last + 1))
    assert wording.printable(letters.strip()).startswith("!")
    spaced = " ".join(letters[start : start + 40] for start in range(0, len(letters), 40))
    said = msgspec.structs.replace(activity(), descricao=spaced[:1000], responsavel=spaced[1000:2000])
    assert findings(pdf_of(source(1, activity=said, asked_by=spaced[-80:]))) == []


def test_five_hundred_pieces_are_one_report() -> None:
    picture = evidence(1).picture
    many = [msgspec.structs.replace(evidence(n), picture=picture) for n in range(1, 501)]
    assert len(text_of(pdf_of(source(1, evidence=many)))) > 60


def test_a_sheet_that_cannot_be_set_says_why_without_its_data() -> None:
    sheet = evd01.lay_out(source(1), {})
    broken = msgspec.structs.replace(sheet, files=dict.fromkeys(sheet.files, b"no picture"))
    with pytest.raises(SheetRefused) as refused:
        typeset_now(broken)
    assert "maria" not in str(refused.value)


def test_without_the_typesetter_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    sheet = Sheet(template="evd01.typ", data={}, url="https://x", timestamp=MADE_AT)
    with pytest.raises(RendererMissing, match=r"pip install 'techdengue\[reports\]'"):
        typeset_now(sheet)


def test_two_reports_of_the_same_are_recognised_whoever_asks_and_whenever() -> None:
    first = source(3)
    later = source(3, asked_by="another", generated_at=MADE_AT.replace(year=2027), paper=PAPERS[3])
    assert first.content() == later.content()
    moved = msgspec.structs.replace(activity(), position=(POINT[0] + 0.001, POINT[1]))
    others = [source(4), source(3, activity=moved), source(3, unverified=1)]
    assert first.content() not in {other.content() for other in others}

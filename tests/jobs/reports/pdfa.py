"""What ISO 19005-2 (PDF/A-2b) asks of a file, as far as it can be looked up in it: each finding is a sentence.

No validator can be installed here (veraPDF is Java, in no registry that this checkout uses), so this looks at the
file's own objects. Clauses are those of ISO 19005-2:2011.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pikepdf

_PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_FORBIDDEN_ACTIONS = {
    "/Launch",
    "/Sound",
    "/Movie",
    "/ResetForm",
    "/ImportData",
    "/JavaScript",
    "/Hide",
    "/SetOCGState",
}
_DEVICE_SPACES = {"/DeviceRGB", "/DeviceGray"}
_BLEND_MODES = {"/Normal", "/Compatible", "/Multiply", "/Screen", "/Overlay", "/Darken", "/Lighten"}


def findings(content: bytes) -> list[str]:
    """What breaks PDF/A-2b; empty where nothing was found."""
    with pikepdf.open(BytesIO(content)) as pdf:
        return [*_of_file(pdf, content), *_of_metadata(pdf), *_of_colour(pdf), *_of_objects(pdf)]


def _of_file(pdf: pikepdf.Pdf, content: bytes) -> Iterator[str]:
    if pdf.is_encrypted:
        yield "6.1.3: it is encrypted"
    if "/ID" not in pdf.trailer:
        yield "6.1.3: the trailer has no ID"
    if not content.startswith(b"%PDF-1.") or content[9:10] != b"%" or min(content[10:14]) < 128:
        yield "6.1.2: the header has no comment of four high bytes"
    if not content.rstrip(b"\r\n").endswith(b"%%EOF"):
        yield "6.1.3: something follows the end"
    root = pdf.Root
    for key in ("/AA", "/OpenAction", "/AcroForm", "/Requirements", "/OCProperties"):
        if key in root:
            yield f"6.4 to 6.9: the catalog has {key}"
    if "/Names" in root and any(key in root.Names for key in ("/JavaScript", "/EmbeddedFiles")):
        yield "6.8: files or scripts are embedded"


def _of_metadata(pdf: pikepdf.Pdf) -> Iterator[str]:
    if "/Metadata" not in pdf.Root:
        yield "6.6.2: there is no XMP"
        return
    stream = pdf.Root.Metadata
    if "/Filter" in stream:
        yield "6.6.2.1: the XMP is packed"
    tree = ElementTree.fromstring(stream.read_bytes())  # noqa: S314 - of a file that we made
    if (_text(tree, f"{_PDFAID}part"), _text(tree, f"{_PDFAID}conformance")) != ("2", "B"):
        yield "6.6.4: the XMP does not say PDF/A-2B"
    info = pdf.docinfo
    titles = [_text(tree, f"{_DC}title"), _text(tree, f"{_DC}creator")]
    if titles != [str(info["/Title"]), str(info["/Author"])]:
        yield "6.6.3: title and author differ between XMP and information dictionary"
    created = str(info["/CreationDate"])
    if "".join(c for c in str(_text(tree, f"{_XMP}CreateDate")) if c.isdigit())[:14] != created[2:16]:
        yield "6.6.3: the creation dates differ"


def _of_colour(pdf: pikepdf.Pdf) -> Iterator[str]:
    intents = [intent for intent in pdf.Root.get("/OutputIntents", []) if intent.S == "/GTS_PDFA1"]
    if len(intents) != 1:
        yield "6.2.3: there is not one output intent of PDF/A"
        return
    profile = intents[0].DestOutputProfile
    raw = profile.read_bytes()
    if profile.N != 3 or raw[16:20] != b"RGB " or raw[36:40] != b"acsp" or raw[8] > 4:
        yield "6.2.3: the output intent is no RGB profile of ICC version 4 or less"


def _of_objects(pdf: pikepdf.Pdf) -> Iterator[str]:
    for thing in pdf.objects:
        for dictionary in _dictionaries(thing):
            yield from _of_dictionary(dictionary)
    for page in pdf.pages:
        if "/AA" in page.obj:
            yield "6.5.2: a page has additional actions"
        for annotation in page.obj.get("/Annots", []):
            yield from _of_annotation(annotation)


def _dictionaries(thing: Any) -> Iterator[Any]:
    """The thing and what stands in it directly; what it refers to is walked by itself."""
    if isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
        yield thing
        inner = thing.values()
    elif isinstance(thing, pikepdf.Array):
        inner = iter(thing)
    else:
        return
    for each in inner:
        if isinstance(each, pikepdf.Object) and not each.is_indirect:
            yield from _dictionaries(each)


def _of_dictionary(thing: Any) -> Iterator[str]:
    kind, subtype = thing.get("/Type"), thing.get("/Subtype")
    if kind == "/Font" and subtype not in ("/Type0", "/Type3"):
        descriptor = thing.get("/FontDescriptor")
        if descriptor is None or not any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")):
            yield f"6.2.11.4: {thing.get('/BaseFont')} is not embedded"
    if kind == "/Font" and subtype == "/Type0" and "/ToUnicode" not in thing:
        yield f"6.2.11.7: {thing.get('/BaseFont')} does not say what its glyphs mean"
    if subtype == "/Image":
        yield from _of_image(thing)
    if subtype == "/PS" or "/PS" in thing or "/OPI" in thing or "/Ref" in thing:
        yield "6.2.9: PostScript, OPI or a reference"
    if "/TR" in thing or thing.get("/TR2", "/Default") != "/Default" or "/HTP" in thing:
        yield "6.2.5: a transfer function"
    if kind == "/ExtGState" and str(thing.get("/BM", "/Normal")) not in _BLEND_MODES:
        yield "6.2.10: a blend mode that PDF does not have"
    if str(thing.get("/S")) in _FORBIDDEN_ACTIONS:
        yield f"6.5.1: an action {thing.S}"
    if isinstance(thing, pikepdf.Stream) and ("/F" in thing or "/LZWDecode" in str(thing.get("/Filter"))):
        yield "6.1.7: a stream outside of the file, or in LZW"


def _of_image(image: Any) -> Iterator[str]:
    if image.get("/Interpolate", False) or "/Alternates" in image or "/OPI" in image:
        yield "6.2.8: an image is interpolated or has alternates"
    space = image.get("/ColorSpace")
    if isinstance(space, pikepdf.Array):
        if space[0] == "/ICCBased" and space[1].N not in (1, 3):
            yield "6.2.4: an image in four colours"
    elif space is not None and str(space) not in _DEVICE_SPACES:
        yield f"6.2.4: an image in {space}, which no output intent covers"


def _of_annotation(annotation: Any) -> Iterator[str]:
    flags = int(annotation.get("/F", 0))
    if annotation.Subtype != "/Link":
        yield f"6.3: an annotation {annotation.Subtype}"
    if not flags & 4 or flags & (1 | 2 | 32):
        yield "6.3.2: an annotation that is not printed, or is hidden"


def _text(tree: Any, name: str) -> str | None:
    found = tree.find(f".//{name}")
    return None if found is None else "".join(found.itertext()).strip()

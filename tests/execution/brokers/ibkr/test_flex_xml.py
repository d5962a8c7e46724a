"""Files that are not harmless statements are refused, in words, before anything of them is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from execution.brokers.ibkr.flex_xml import MAX_BYTES, StatementUnreadable, read_flex_file

HEAD = '<FlexQueryResponse><FlexStatements count="1"><FlexStatement accountId="DU1">'
TAIL = "</FlexStatement></FlexStatements></FlexQueryResponse>"
WANTED = {"Trade": ("symbol",)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "statement.xml"


def refused(file: Path, text: str | bytes) -> str:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StatementUnreadable) as caught:
        read_flex_file(file, WANTED)
    return str(caught.value)


def test_rows_keep_only_what_was_asked_for_and_the_rest_is_counted(file: Path) -> None:
    file.write_text(
        f'{HEAD}<Trades><Trade symbol="SPY " price="1" /><Order x="1" /></Trades><Notes><N a="1" /></Notes>{TAIL}'
    )
    read = read_flex_file(file, WANTED)
    assert [(row.place, dict(row.values)) for row in read.rows] == [("Trade 1", {"symbol": "SPY"})]
    assert dict(read.others) == {"Trades: Order": 1, "Notes": 1}
    assert read.sections == [{"Trades", "Notes"}]
    assert read.statements == [{"accountId": "DU1"}]


def test_a_billion_laughs_is_refused(file: Path) -> None:
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    said = refused(file, f'<!DOCTYPE x [<!ENTITY l0 "lol">{lol}]>{HEAD}<Trades><Trade symbol="&l9;"/></Trades>{TAIL}')
    assert "declares XML entities or a document type" in said


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://127.0.0.1:9/x"])
def test_an_external_entity_is_refused(file: Path, target: str) -> None:
    said = refused(file, f'<!DOCTYPE x [<!ENTITY x SYSTEM "{target}">]>{HEAD}<Trades>&x;</Trades>{TAIL}')
    assert "declares XML entities or a document type" in said


def test_a_document_type_alone_is_refused(file: Path) -> None:
    assert "document type" in refused(file, f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{HEAD}{TAIL}')


def test_a_file_of_200_mb_is_refused_unread(file: Path) -> None:
    with file.open("wb") as sparse:
        sparse.truncate(200_000_000)
    with pytest.raises(StatementUnreadable, match=r"has 200 MB; statements of up to 50 MB are read\."):
        read_flex_file(file, WANTED)


def test_a_file_that_grows_while_it_is_read_is_refused_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(f"{HEAD}{' ' * 5000}{TAIL}")
    small = file.stat()
    file.write_text(f"{HEAD}{' ' * 9000}{TAIL}")
    monkeypatch.setattr(Path, "stat", lambda _self: small)
    with pytest.raises(StatementUnreadable, match="are read"):
        read_flex_file(file, WANTED, max_bytes=small.st_size)


def test_the_cap_leaves_room_for_years_of_trading() -> None:
    assert MAX_BYTES == 50_000_000


def test_deep_nesting_is_refused(file: Path) -> None:
    assert "nested more than" in refused(file, HEAD + "<a>" * 200_000)


def test_more_rows_than_any_statement_has_are_refused(file: Path) -> None:
    assert "more than 400,000 rows" in refused(file, HEAD + "<Notes>" + '<N a="1"/>' * 400_001)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is not an XML file"),
        (b"Date,Symbol\n1,2\n", "is not an XML file"),
        (b"\x00\x01\x02PK", "is not an XML file"),
        ("<html><body>Sign in</body></html>", "begins with <html>"),
        ("<a>" * 50, "begins with <a>"),
        (f"{HEAD}<Trades><Trade symbol='A'/>", "is damaged at line 1"),
        (f"{HEAD}<Trades><Trade symbol=/></Trades>{TAIL}", "is damaged at line 1"),
        ("<FlexQueryResponse><FlexStatements/></FlexQueryResponse>", "holds no statement"),
        (
            "<FlexStatementResponse><Status>Fail</Status><Message>Token expired.</Message></FlexStatementResponse>",
            "answer of the Flex web service, not the statement itself. It says: Fail Token expired. Choose",
        ),
    ],
)
def test_what_is_no_statement_is_refused_in_plain_words(file: Path, text: str | bytes, said: str) -> None:
    assert said in refused(file, text)


def test_a_file_that_is_not_there_is_said(file: Path) -> None:
    with pytest.raises(StatementUnreadable, match="could not be read: No such file"):
        read_flex_file(file, WANTED)


def test_long_texts_are_cut_and_other_encodings_are_read(file: Path) -> None:
    file.write_bytes(
        f'<?xml version="1.0" encoding="UTF-16"?>{HEAD}<Trade symbol="{"x" * 9000}"/>{TAIL}'.encode("utf-16")
    )
    assert len(read_flex_file(file, WANTED).rows[0].values["symbol"]) == 2000

"""Text that may be shown or sent: no markup, no links, no characters that hide, of a bounded length."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

#: What is read of one text at most, before anything is looked for in it.
_LONGEST_READ: Final = 2500
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"})
_LINE_ENDS: Final = frozenset("\n\r\v\f\u0085\u2028\u2029")

_TOP_LEVEL: Final = (
    "com|net|org|io|ai|dev|app|xyz|info|biz|co|uk|de|ru|cn|ly|gg|tk|top|site|online|cloud|link|click|sh|page|eu|fr|nl"
    "|example|invalid|local|onion|zip|mov|finance|trade|capital|money"
)
_LINK: Final = re.compile(
    r"[a-z][a-z0-9+.-]{1,20}:\s?/{1,2}\S"  # https://…, file:/…
    r"|(?<![\w/])//\w+\.\w"  # //host.tld
    r"|\bwww\s?\."
    r"|\b(?:javascript|vbscript|mailto|tel|hxxps?)\s?:"
    r"|\bdata:\s?[a-z]+/"
    rf"|(?<![\w-])(?:[\w-]{{1,63}}\.){{1,6}}(?:{_TOP_LEVEL})\b"
    r"|(?<![\w-])(?:[\w-]{1,63}\.){1,6}[a-z]{2,24}[/:?]\S"  # host.tld/path
    r"|\w\s?[(\[]\.[)\]]\s?\w"  # host[.]tld
    rf"|\w\s(?:dot|punkt)\s(?:{_TOP_LEVEL})\b"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|[\w.+-]@[\w-]{1,63}\.\w",
    re.IGNORECASE,
)
#: Abbreviations end no sentence; neither do decimals, which have no blank behind their point.
_SENTENCE_END: Final = re.compile(
    r"(?<!\A\d\.)(?<!\n\d\.)(?<!\A\d\d\.)(?<!\n\d\d\.)"
    r"(?<!\bvs\.)(?<!\bca\.)(?<!\bno\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<!\bapprox\.)"
    r"(?<=[.!?])[\")']*\s+|\n+"
)
_BULLET: Final = re.compile(r"^\s*(?:[-*+•–—>#]+|\(?\d{1,2}[.)])\s+")
_TAG: Final = re.compile(r"</?[A-Za-z!?][^<>]{0,500}>")
_COMPARISONS: Final = (
    (re.compile(r"\s*(?:-+|=+)>\s*"), " to "),
    (re.compile(r"\s*<=\s*"), " at most "),
    (re.compile(r"\s*>=\s*"), " at least "),
    (re.compile(r"\s*<\s*"), " below "),
    (re.compile(r"\s*>\s*"), " above "),
)
_MARKS: Final = re.compile(r"(?<=\w)[*`#{}\\^~]+(?=\w)")
_TRANSLATION: Final = str.maketrans(
    {"[": "(", "]": ")", "_": " ", "|": ",", **dict.fromkeys("*`#{}\\^~", "")},
)
_BLANKS: Final = re.compile(r"\s+")

_LEFT_OUT: Final = "(left out)"
_NOTE_SECRETS: Final = re.compile(
    r"\b\d{1,3}(?:[,'’ ]\d{3})+(?:\.\d+)?"  # a balance
    r"|[A-Za-z]{0,4}[-_#]?\d{5,}\w*"  # an account
    r"|\b\d+(?:[ -]\d+){2,}\b"  # a telephone number
    r"|\b(?=\w*\d\w*\d\w*\d\w*\d)(?=\w*[A-Za-z])\w{7,}"  # an account, a token
    r"|\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{12,}"
    r"|\S{24,}"
)


def sentences(text: str) -> list[str]:
    """Returns the sentences of a text, without control and hidden characters, still with its markup."""
    return [part.strip() for part in _SENTENCE_END.split(_visible(text)) if part.strip()]


def _visible(text: str) -> str:
    """Compatibility forms made ordinary (fullwidth, ligatures), entities read, everything invisible taken out."""
    text = unicodedata.normalize("NFKC", text[:_LONGEST_READ])
    text = unicodedata.normalize("NFKC", html.unescape(html.unescape(text)))
    return "".join(filter(None, map(_shown, text)))


def _shown(character: str) -> str:
    if character in _LINE_ENDS:
        return "\n"
    if character == "\t":
        return " "
    category = unicodedata.category(character)
    if category in _HIDDEN:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return " " if category == "Zs" else character


def has_link(sentence: str) -> bool:
    """Returns whether a text holds anything that looks like an address, spelt out or disguised."""
    return _LINK.search(sentence) is not None


def plain(sentence: str) -> str:
    r"""Returns one line without markup: none of < > * _ ` # [ ] { } | \ ~ ^ is left in it."""
    text = _BULLET.sub("", sentence)
    text = _TAG.sub(" ", text)
    for pattern, words in _COMPARISONS:
        text = pattern.sub(words, text)
    text = _MARKS.sub(" ", text).translate(_TRANSLATION)
    return _BLANKS.sub(" ", text).strip()


def is_latin(sentence: str) -> bool:
    """Returns whether every letter is one of ours or Greek: lookalikes of other scripts are no letters of a symbol."""
    return all(
        unicodedata.name(character, "").startswith(("LATIN", "GREEK"))
        for character in sentence
        if character.isalpha() and not character.isascii()
    )


def clip(text: str, longest: int) -> str:
    """Returns at most `longest` characters, cut between two words and marked."""
    if len(text) <= longest:
        return text
    kept = text[: longest - 1]
    return f"{kept[: kept.rfind(' ')] if ' ' in kept else kept}…"


def shown_text(text: str, longest: int) -> str:
    """Returns the sentences of a foreign text that lead nowhere, as one line to be shown."""
    kept = [plain(each) for each in sentences(text) if not has_link(each)]
    return clip(" ".join(each for each in kept if each and not has_link(each)), longest)


def note_text(text: str, longest: int) -> str:
    """Returns a note without links, markup, and what may be an account, a balance or a key."""
    return clip(_NOTE_SECRETS.sub(_LEFT_OUT, shown_text(text, _LONGEST_READ)), longest)

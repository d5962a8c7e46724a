"""Nothing secret in what is logged: whatever it is, however it is written down, wherever in a record it stands."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.redaction import LEAST_SECRET, PIECE, RedactingFilter, Redactor, guard_last_words, protect
from models.secret_text import MASK, SecretText
from tests.execution.secrets_rig import SECRETS, leaks, needles, spellings

WANTED = needles(SECRETS)


def fresh_logger(name: str, level: int = logging.NOTSET) -> logging.Logger:
    """Returns a logger that nobody else has: no handler of the tests' own sees what it is told."""
    return logging.Logger(name, level)  # noqa: LOG001 - getLogger's would stay for the tests after this one


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    made = Redactor()
    for secret in SECRETS:
        made.learn(SecretText(secret))
    return made


@pytest.fixture
def log(redactor: Redactor) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(threadName)s %(name)s: %(message)s"))
    protect(handler, redactor)
    protect(handler, redactor)
    assert len(handler.filters) == 1
    logger = fresh_logger("planted", logging.DEBUG)
    logger.addHandler(handler)
    yield logger, stream
    handler.close()


@pytest.mark.parametrize("secret", SECRETS)
def test_a_known_secret_is_taken_out_in_every_spelling(redactor: Redactor, secret: str) -> None:
    for spelling in spellings(secret):
        text = f"before [{spelling}] after"
        cleaned = redactor.clean(text)
        assert not leaks(cleaned, WANTED), cleaned
        assert cleaned.startswith("before")
        assert cleaned.endswith("after")


@given(st.sampled_from(SECRETS), st.data())
@settings(deadline=None, max_examples=200)
def test_a_piece_of_a_secret_is_taken_out_wherever_it_was_cut(
    redactor: Redactor, secret: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, max(0, len(secret) - PIECE)))
    end = data.draw(st.integers(min(len(secret), start + PIECE), len(secret)))
    if end - start >= PIECE:
        assert not leaks(redactor.clean(f"cut: {secret[start:end]}"), WANTED)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=LEAST_SECRET, max_size=60), st.text())
@settings(deadline=None, max_examples=300)
def test_any_secret_is_taken_out_of_any_text(secret: str, around: str) -> None:
    made = Redactor()
    made.learn(secret)
    if len(secret.strip()) >= LEAST_SECRET and secret not in MASK:
        for text in (around + secret + around, repr(secret), json.dumps({"x": secret}), repr([around, secret])):
            cleaned = made.clean(text)
            assert secret not in cleaned
            assert json.dumps(secret) not in cleaned
            assert repr(secret) not in cleaned
            assert made.clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ('{"client_secret":"a\\"b c","x":1}', '{"client_secret":•••,"x":1}'),
        ("{'refresh_token': \"it's\", 'y': 2}", "{'refresh_token': •••, 'y': 2}"),
        ("client_secret=abc%20d&x=1", "client_secret=•••&x=1"),
        ("client%5Fsecret%3Dxx", "client%5Fsecret%3D•••"),
        ("('access_token', 'zzz')", "('access_token', •••)"),
        ("(b'authorization', b'Bearer zzz')", "(b'authorization', •••)"),
        ("Authorization: Bearer abc.def", "Authorization: •••"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: •••"),
        ("sent bearer abc.def now", "sent ••• now"),
        (
            json.dumps(json.dumps({"access_token": 'se"cret', "k": "v"})),
            '"{\\"access_token\\": •••, \\"k\\": \\"v\\"}"',
        ),
        ('{"type": "AUTH", "token": "dGFzdHk", "k": 1}', '{"type": "AUTH", "token": •••, "k": 1}'),
        ('refresh_token="cut off in the mid', "refresh_token=•••"),
        ("password='two\nlines' rest", "password=••• rest"),
        ("eyJhbGciOi.eyJzdWIi.c2ln and eyJhbGciOi%2EeyJz", "••• and •••"),
        (
            "access_token=None, token: invalid, password is needed",
            "access_token=None, token: invalid, password is needed",
        ),
        ("order 17 of account 5WX00001 at 1.85 accepted", "order 17 of account 5WX00001 at 1.85 accepted"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_though_nobody_told_it(text: str, cleaned: str) -> None:
    assert Redactor().clean(text) == cleaned
    assert Redactor().clean(cleaned) == cleaned


def test_a_secret_in_base64_is_taken_out_wherever_it_begins(redactor: Redactor) -> None:
    secret = SECRETS[0]
    for before in ("", "x", "xy", "user:"):
        encoded = base64.b64encode(f"{before}{secret}:tail".encode()).decode()
        inner = base64.b64encode(secret.encode()).decode()[8:-8]
        assert inner not in redactor.clean(encoded)
        assert MASK in redactor.clean(encoded)


def test_what_is_too_short_to_be_a_secret_is_no_secret() -> None:
    made = Redactor()
    made.learn("  ab ")
    made.learn("")
    assert made.clean("a crab in a cab") == "a crab in a cab"


def test_only_the_last_tokens_are_remembered_and_secrets_for_ever() -> None:
    made = Redactor()
    made.learn("lasting-7Hq2-secret")
    tokens = [f"passing-{number:02}-Zk49" for number in range(20)]
    for token in tokens:
        made.learn_passing(token)
    assert made.clean(" ".join(tokens[12:])) == " ".join([MASK] * 8)
    assert "19" not in made.clean(tokens[19])
    assert made.clean("lasting-7Hq2-secret") == MASK
    assert "7Hq2" not in repr(made)


@pytest.mark.parametrize("secret", SECRETS)
def test_message_arguments_traceback_stack_and_extras_are_clean(
    log: tuple[logging.Logger, io.StringIO], secret: str
) -> None:
    logger, stream = log

    empty: dict[str, str] = {}

    def fail() -> None:
        try:
            empty[secret]
        except KeyError as error:
            raise ValueError({"told": [secret]}) from error

    logger.debug("plain %s and %r", secret, {"k": secret})
    logger.debug(f"formatted {secret}")
    logger.debug("by name %(it)s", {"it": secret})
    try:
        fail()
    except ValueError:
        logger.exception("failed", extra={"reply": secret, "told": [secret]})
    logger.info("where", stack_info=True)
    record = logger.makeRecord("n", logging.INFO, "file", 1, "bytes %s", (secret.encode(),), None)
    record.threadName = f"thread of {secret}"
    logger.handle(record)
    text = stream.getvalue()
    assert not leaks(text, WANTED)
    assert text.count("Traceback") == 2
    assert "The above exception was the direct cause" in text
    assert "Stack (most recent call last)" in text
    assert "DEBUG MainThread planted: plain" in text
    assert not leaks(repr(vars(record)), WANTED)


def test_arguments_that_do_not_fit_are_not_printed_bare(
    log: tuple[logging.Logger, io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError(SECRETS[0])

    logger, stream = log
    logger.error("%s %d " + SECRETS[2], SECRETS[0], SECRETS[3])
    logger.error("%s", Odd())
    logger.error(Odd())
    logger.error("extra", extra={"odd": Odd()})
    captured = capsys.readouterr()
    assert not leaks(stream.getvalue() + captured.err + captured.out, WANTED)
    assert stream.getvalue().count("its arguments do not fit: ") == 3


def test_a_handler_that_cannot_write_prints_nothing_secret(
    redactor: Redactor, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    protect(handler, redactor)
    stream.close()
    logger = fresh_logger("full")
    logger.addHandler(handler)
    logger.error("%s", SECRETS[2], exc_info=ValueError(SECRETS[0]))
    err = capsys.readouterr().err
    assert "Logging error" in err
    # Python shows there where in our code it was; the message itself is clean by then.
    assert not leaks(err.split("Message:")[1], WANTED)


def test_handlers_after_the_first_get_the_clean_record_too(redactor: Redactor) -> None:
    seen: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    first, second = Keeper(), Keeper()
    first.addFilter(RedactingFilter(redactor))
    logger = fresh_logger("two")
    logger.addHandler(first)
    logger.addHandler(second)
    logger.warning("%s", SECRETS[5])
    assert [each.getMessage() for each in seen] == [MASK, MASK]


def test_the_last_words_of_every_thread_are_clean(redactor: Redactor, capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    restore = guard_last_words(redactor)
    try:

        def fail() -> None:
            raise ValueError(SECRETS[0])

        thread = threading.Thread(target=fail, name="engine")
        thread.start()
        thread.join()
        try:
            fail()
        except ValueError as error:
            sys.excepthook(type(error), error, error.__traceback__)

        class Odd:
            def __del__(self) -> None:
                raise ValueError(SECRETS[3])

        odd = Odd()
        del odd
    finally:
        restore()
    err = capsys.readouterr().err
    assert err.count("ValueError: •••") == 3
    assert "Exception in thread engine" in err
    assert not leaks(err, WANTED)
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before

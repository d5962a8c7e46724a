"""The real SDK against a real server that behaves as badly as servers do."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ai.config import ModelProtocol
from ai.failures import FailureCause
from tests.ai.builders import task
from tests.ai.conftest import KEY, Rig
from tests.simulators.openai.server import Behaviour, ModelServer

pytestmark = pytest.mark.anyio
#: The cool-down is over then.
LATER = timedelta(hours=1)


async def test_a_streamed_answer_comes_whole_with_tokens_and_cost(spoken: Rig) -> None:
    answer = await spoken.rank()
    assert [each.candidate_id for each in answer.opinions] == ["c12", "c03", "c07", "c15", "c00"]
    assert (answer.tokens_in, answer.tokens_out, answer.removed_claims) == (1200, 340, 0)
    assert answer.cost_usd == pytest.approx(0.0046)
    assert answer.model == "test-1"
    assert answer.seconds > 0


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (Behaviour(status=401, error_message=f"Incorrect API key provided: {KEY}"), FailureCause.KEY_REFUSED),
        (Behaviour(status=402), FailureCause.NO_CREDIT),
        (Behaviour(status=403), FailureCause.FORBIDDEN),
        (Behaviour(status=404, error_code="model_not_found"), FailureCause.MODEL_UNKNOWN),
        (Behaviour(status=400, error_code="model_not_found"), FailureCause.MODEL_UNKNOWN),
        (Behaviour(status=400, error_message="too long"), FailureCause.NOT_ACCEPTED),
        (Behaviour(status=413), FailureCause.NOT_ACCEPTED),
        (Behaviour(status=429, error_code="insufficient_quota"), FailureCause.NO_CREDIT),
        (Behaviour(status=307, headers={"location": "http://evil.example/v1"}), FailureCause.REDIRECTED),
        (Behaviour(refusal="I cannot help with that."), FailureCause.REFUSED),
        (Behaviour(end="content_filter"), FailureCause.REFUSED),
        (Behaviour(end="length"), FailureCause.CUT_SHORT),
        (Behaviour(text="I would close the short put."), FailureCause.MALFORMED),
        (Behaviour(text='{"ranking": ['), FailureCause.MALFORMED),
        (Behaviour(text=""), FailureCause.MALFORMED),
        (Behaviour(text='{"ranking": []}'), FailureCause.NOTHING_USABLE),
        (Behaviour(text='{"ranking": [{"candidate_id": "c99"}]}'), FailureCause.NOTHING_USABLE),
        (Behaviour(text='{"ranking": [', end=None), FailureCause.CUT),
        (Behaviour(cut_after=4), FailureCause.CUT),
        (Behaviour(failure_code="server_error"), FailureCause.SERVER),
        (Behaviour(failure_code="rate_limit_exceeded"), FailureCause.RATE_LIMIT),
        (Behaviour(raw=b"data: {nonsense\n\n"), FailureCause.MALFORMED),
        (Behaviour(raw=b"data: \xff\xfe\n\n"), FailureCause.MALFORMED),
        (Behaviour(raw=b"<html>Log in</html>", raw_type="text/html"), FailureCause.MALFORMED),
        (Behaviour(raw=b"", raw_type="text/event-stream"), FailureCause.CUT),
        (Behaviour(raw=b"data: [1, 2]\n\ndata: null\n\ndata: 7\n\ndata: {}\n\n"), FailureCause.CUT),
        (Behaviour(text="x" * 60_000), FailureCause.TOO_LARGE),
        (Behaviour(is_endless=True, end=None), FailureCause.TOO_LARGE),
        (Behaviour(is_packed=True), FailureCause.TOO_LARGE),
    ],
    ids=lambda each: each.value if isinstance(each, FailureCause) else "",
)
async def test_each_trouble_is_told_in_words_without_key_payload_or_the_server_s_words(
    spoken: Rig, behaviour: Behaviour, cause: FailureCause
) -> None:
    spoken.set(max_answer_chars=5000)
    spoken.server.plan(behaviour)
    failure = await spoken.fails()
    assert failure.cause is cause
    assert failure.what.endswith(".")
    assert failure.cure
    assert len(str(failure)) < 300
    for secret in (KEY, "sk-", "c07", "SPXW", "cannot help", "Incorrect", 'gave up"', "html"):
        assert secret not in str(failure)
    assert failure.__cause__ is None
    assert failure.__context__ is None
    assert spoken.waits == []
    assert len(spoken.server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529, 408])
async def test_a_passing_fault_is_tried_again_after_a_growing_wait(spoken: Rig, status: int) -> None:
    spoken.server.plan(Behaviour(status=status), Behaviour(status=status))
    assert (await spoken.rank()).opinions
    first, second = spoken.waits
    assert 0.5 <= first <= 1.0
    assert 1.0 <= second <= 2.0
    assert len({request.raw for request in spoken.server.requests}) == 1


async def test_a_fault_that_stays_is_told_after_the_last_try(spoken: Rig) -> None:
    spoken.server.usual = Behaviour(status=503)
    assert (await spoken.fails()).cause is FailureCause.SERVER
    assert len(spoken.server.requests) == 3


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "2500"}, 2.5),
        ({"retry-after": "Fri, 20 Nov 2026 19:45:12 GMT"}, 12.0),
    ],
)
async def test_the_wait_a_server_asks_for_is_kept(rig: Rig, headers: dict[str, str], least: float) -> None:
    rig.server.plan(Behaviour(status=429, headers=headers))
    await rig.rank()
    assert rig.waits == [least]


async def test_a_wait_that_is_too_long_is_told_in_place_of_being_waited_for(rig: Rig) -> None:
    rig.server.plan(Behaviour(status=429, headers={"retry-after": "90"}))
    failure = await rig.fails()
    assert (failure.cause, failure.retry_after_s, rig.waits) == (FailureCause.RATE_LIMIT, 90.0, [])
    assert "It asks to wait 90 s." in str(failure)


@pytest.mark.parametrize("header", ["soon", "-5", "nan", "inf", "Fri, 99 Nov 2026"])
async def test_a_wait_that_is_none_is_not_believed(rig: Rig, header: str) -> None:
    rig.server.plan(Behaviour(status=429, headers={"retry-after": header}))
    await rig.rank()
    assert len(rig.waits) == 1
    assert rig.waits[0] <= 1.0


async def test_a_server_that_hangs_up_without_a_word_is_tried_again(spoken: Rig) -> None:
    spoken.server.plan(Behaviour(is_mute=True))
    assert (await spoken.rank()).opinions
    spoken.clock.advance(LATER)
    spoken.server.usual = Behaviour(is_mute=True)
    assert (await spoken.fails()).cause is FailureCause.OFFLINE


async def test_no_server_at_all_is_offline(rig: Rig) -> None:
    await rig.server.stop()
    failure = await rig.fails()
    assert failure.cause is FailureCause.OFFLINE
    assert failure.cure == "Start the server."
    assert len(rig.waits) == 2


async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(rig: Rig, tmp_path: Path) -> None:
    impostor = ModelServer()
    await impostor.start(tls=_self_signed(tmp_path))
    try:
        rig.set(base_url=impostor.url)
        failure = await rig.fails()
        assert failure.cause is FailureCause.OFFLINE
        assert "its certificate is not trusted" in str(failure)
        assert impostor.requests == []
    finally:
        await impostor.stop()


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_valid_after=datetime(2090, 1, 1, tzinfo=UTC),
    ).sign(key, hashes.SHA256())
    pem = folder / "server.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_cancelling_before_anything_was_sent_leaves_the_analyst_ready(spoken: Rig) -> None:
    asking = asyncio.create_task(spoken.rank())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert spoken.server.requests == []
    assert (await spoken.rank()).opinions


async def test_silence_in_the_middle_of_an_answer_is_too_slow_and_the_connection_ends(spoken: Rig) -> None:
    spoken.set(silence_timeout_s=0.05)
    spoken.server.plan(Behaviour(hold_after=3))
    failure = await spoken.fails()
    assert failure.cause is FailureCause.TOO_SLOW
    assert "silent for 0.05 s" in str(failure)
    request = await spoken.server.request()
    await request.ended.wait()
    assert request.was_left


async def test_an_answer_that_drips_for_ever_meets_the_whole_limit(spoken: Rig) -> None:
    spoken.set(total_timeout_s=0.3)
    spoken.server.plan(Behaviour(text="x " * 5000, chunk_chars=2, pause_s=0.02))
    failure = await spoken.fails()
    assert failure.cause is FailureCause.TOO_SLOW
    assert "did not finish within 0.3 s" in str(failure)
    request = await spoken.server.request()
    await request.ended.wait()
    assert request.was_left


async def test_an_answer_in_single_bytes_is_understood(spoken: Rig) -> None:
    spoken.server.plan(Behaviour(is_dripping=True, chunk_chars=200))
    assert (await spoken.rank()).opinions


async def test_closing_the_iterator_ends_the_connection(spoken: Rig) -> None:
    spoken.server.plan(Behaviour(hold_after=4))
    async with aclosing(spoken.analyst.rank(task())) as events:
        await anext(events)
    request = await spoken.server.request()
    await request.ended.wait()
    assert request.was_left
    spoken.clock.advance(LATER)
    assert (await spoken.rank()).opinions


@pytest.mark.parametrize("hold_after", [0, 4])
async def test_cancelling_the_task_ends_the_connection_before_and_in_the_answer(spoken: Rig, hold_after: int) -> None:
    spoken.server.plan(Behaviour(hold_after=hold_after))
    asking = asyncio.create_task(spoken.rank())
    request = await spoken.server.request()
    await request.answering.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await request.ended.wait()
    assert request.was_left
    assert spoken.analyst.unavailable() == ""


async def test_cancelling_in_the_wait_between_two_tries_ends_it(rig: Rig, server: ModelServer) -> None:
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    rig.analyst._sleep = sleep
    server.plan(Behaviour(status=503))
    asking = asyncio.create_task(rig.rank())
    await waiting.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(server.requests) == 1


async def test_a_redirect_is_not_followed_and_the_key_stays(rig: Rig) -> None:
    other = ModelServer()
    await other.start()
    try:
        for status in (301, 302, 303, 307, 308):
            rig.server.plan(Behaviour(status=status, headers={"location": f"{other.url}/chat/completions"}))
            failure = await rig.fails()
            assert failure.cause is FailureCause.REDIRECTED
            assert str(other.port) not in str(failure)
        assert other.requests == []
    finally:
        await other.stop()


@pytest.mark.parametrize("option", ["response_format", "stream_options", "max_completion_tokens"])
async def test_a_local_server_that_does_not_know_an_option_is_asked_without_it(rig: Rig, option: str) -> None:
    rig.server.plan(Behaviour(unknown_options=(option,)))
    assert (await rig.rank()).opinions
    first, second = (request.body for request in rig.server.requests)
    assert option in first
    assert option not in second
    assert ("max_tokens" in second) == (option == "max_completion_tokens")
    assert rig.waits == []


async def test_one_that_knows_none_of_them_is_asked_with_none(spoken: Rig) -> None:
    options = ("response_format", "stream_options", "max_completion_tokens", "max_tokens", "text", "max_output_tokens")
    spoken.server.plan(
        Behaviour(unknown_options=options[:-2] if spoken.config.spoken is ModelProtocol.CHAT else options[-1:])
    )
    answer = await spoken.rank()
    assert answer.opinions
    assert not set(spoken.server.requests[-1].body) & {*options[:4], "max_output_tokens"}


async def test_a_server_that_does_not_stream_is_understood(rig: Rig) -> None:
    text = json.dumps({"ranking": [{"candidate_id": "c07", "rationale": "It cures."}]})
    whole = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5}}
    rig.server.plan(Behaviour(raw=json.dumps(whole).encode(), raw_type="application/json"))
    answer = await rig.rank()
    assert (answer.opinions[0].rationale, answer.tokens_in, answer.tokens_out) == ("It cures.", 5, None)
    rig.clock.advance(LATER)
    rig.set(protocol=ModelProtocol.RESPONSES)
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    rig.server.plan(
        Behaviour(raw=json.dumps({"status": "completed", "output": output}).encode(), raw_type="application/json")
    )
    assert (await rig.rank()).opinions[0].rationale == "It cures."


async def test_an_answer_without_usage_has_no_cost(spoken: Rig) -> None:
    spoken.server.plan(Behaviour(usage=None))
    answer = await spoken.rank()
    assert (answer.tokens_in, answer.tokens_out, answer.cost_usd) == (None, None, None)
    spoken.clock.advance(LATER)
    spoken.config = replace(spoken.config, usd_per_million_in=None)
    assert (await spoken.rank()).cost_usd is None

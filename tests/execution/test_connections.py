"""The brokers' settings: what a save writes and leaves alone, and which secrets a test is made with."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from database.keyring_store import KeyringStore
from database.secret_store import StoreChoice, checked_secret
from execution import commands
from execution.brokers.tastytrade.settings import TastySecrets
from execution.connection_views import (
    NOTHING_TYPED,
    SIMULATOR_HOST,
    Finding,
    Form,
    ProbeLine,
    ProbeView,
    TastyForm,
    TypedSecrets,
)
from execution.connections import Connections, form_of, tasty_form_of
from execution.desk_login import SecretKeeper
from models.config import load_config
from models.config_file import save_settings
from models.errors import InvalidInput, KnownError
from models.secret_text import SecretText
from tests.execution.test_desk_login import MemoryBackend

pytestmark = pytest.mark.anyio
DEFAULTS = Path(__file__).resolve().parents[2] / "assets" / "defaults.toml"
IN_MEMORY = TastySecrets("simulated-client", "simulated-token")
TYPED = TypedSecrets(SecretText("client-secret-1"), SecretText("refresh-token-1"))
FORM = TastyForm("main", "certification", ("5WX1",), ())


class Bench:
    """Connections on a file and a keyring in memory, with probes that note what they were asked."""

    def __init__(self, folder: Path, *, has_simulator: bool = False) -> None:
        self.file = folder / "optiondesk.toml"
        self.backend = MemoryBackend()
        store = KeyringStore(self.backend, learn=lambda _: None, trust=lambda each: (each, "test keyring"))
        self.keeper = SecretKeeper(lambda: StoreChoice(store), checked_secret)
        self.tried: list[tuple[Form, TastySecrets | None]] = []
        self.config = load_config(DEFAULTS, None)
        self.connections = Connections(
            self.config,
            running="paper",
            place="synthetic market",
            file=str(self.file),
            save=self.save,
            probe=partial(self.probe, secrets=None),
            libraries=lambda: ("ib_insync",),
            keeper=self.keeper,
            tasty_probe=self.probe,
            simulator_secrets=IN_MEMORY if has_simulator else None,
        )

    def save(self, changes: Mapping[str, Mapping[str, Any]]) -> Any:
        return save_settings(DEFAULTS, self.file, changes)

    async def probe(self, form: Form, secrets: TastySecrets | None) -> ProbeView:
        self.tried.append((form, secrets))
        return ProbeView(is_usable=True, lines=(ProbeLine(Finding.GOOD, "fine"),))

    def written(self) -> dict[str, Any]:
        return tomllib.loads(self.file.read_text("utf-8")) if self.file.exists() else {}


async def test_a_save_writes_what_differs_and_keeps_the_secrets_elsewhere(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.connections.handle(commands.SaveConnections("tastytrade", FORM, TYPED))
    assert bench.written() == {
        "broker": {"name": "tastytrade"},
        "tastytrade": {"host": "certification", "accounts": ["5WX1"]},
    }
    assert bench.keeper.read("main") == TastySecrets("client-secret-1", "refresh-token-1")
    view = await bench.connections.handle(commands.ReadConnections())
    assert (view.broker, view.tasty, view.has_tasty_simulator) == ("tastytrade", FORM, False)


async def test_a_save_of_one_broker_leaves_the_others_settings_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.file.write_text("[tastytrade]\nlogin = 'mine'\n")
    await bench.connections.save("ibkr", form_of(bench.config.ibkr))
    assert bench.written() == {"tastytrade": {"login": "mine"}, "broker": {"name": "ibkr"}}


@pytest.mark.parametrize(
    ("form", "typed"),
    [
        (TastyForm("no name", "production", (), ()), TYPED),
        (TastyForm("main", SIMULATOR_HOST, (), ()), TYPED),
        (FORM, TypedSecrets(client_secret=SecretText("only-one-of-two"))),
    ],
    ids=["login", "simulator", "half a login"],
)
async def test_a_save_that_does_not_fit_changes_nothing(tmp_path: Path, form: TastyForm, typed: TypedSecrets) -> None:
    bench = Bench(tmp_path, has_simulator=True)
    with pytest.raises(InvalidInput):
        await bench.connections.save("tastytrade", form, typed)
    assert bench.written() == {}
    assert not bench.backend.stored


async def test_a_test_is_made_with_what_is_typed_else_with_what_is_kept_and_stores_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(InvalidInput, match="There is no client secret yet"):
        await bench.connections.handle(commands.TryConnection(FORM))
    await bench.connections.handle(commands.TryConnection(FORM, TYPED))
    assert not bench.backend.stored
    await bench.keeper.keep("main", TYPED)
    await bench.connections.handle(commands.TryConnection(FORM))
    assert bench.tried == [(FORM, TastySecrets("client-secret-1", "refresh-token-1"))] * 2
    ibkr = form_of(bench.config.ibkr)
    await bench.connections.handle(commands.TryConnection(ibkr))
    assert bench.tried[-1] == (ibkr, None)


async def test_the_simulators_own_secrets_go_to_the_simulator_only(tmp_path: Path) -> None:
    bench = Bench(tmp_path, has_simulator=True)
    simulator = TastyForm("main", SIMULATOR_HOST, (), ())
    await bench.connections.test(simulator, NOTHING_TYPED)
    await bench.connections.test(simulator, TYPED)
    assert [secrets for _, secrets in bench.tried] == [IN_MEMORY, TastySecrets("client-secret-1", "refresh-token-1")]
    with pytest.raises(KnownError):
        await bench.connections.test(FORM, NOTHING_TYPED)


async def test_secrets_are_looked_for_forgotten_and_unlocked_by_command(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.keeper.keep("main", TYPED)
    assert (await bench.connections.handle(commands.LookForSecrets("main"))).are_kept
    assert "were removed" in await bench.connections.handle(commands.ForgetSecrets("main"))
    assert not (await bench.connections.handle(commands.LookForSecrets("main"))).are_kept
    assert await bench.connections.handle(commands.UnlockSecrets(SecretText("x" * 12))) is None


def test_the_defaults_are_production_under_the_name_main_with_nothing_to_trade() -> None:
    assert tasty_form_of(load_config(DEFAULTS, None).tastytrade) == TastyForm("main", "production", (), ())


@pytest.mark.parametrize(
    "line", ['login = "a b"', 'login = ""', 'host = "simulator"', 'client_secret = "x"', 'refresh_token = "x"']
)
def test_settings_with_a_login_that_cannot_be_one_or_with_a_secret_are_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "optiondesk.toml"
    file.write_text(f"[tastytrade]\n{line}\n")
    with pytest.raises(InvalidInput, match=f"tastytrade.{line.split(' ', maxsplit=1)[0]}"):
        load_config(DEFAULTS, file)


async def test_a_broker_to_open_beside_is_saved_and_taken_away_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    form = form_of(bench.config.ibkr)
    await bench.connections.handle(commands.SaveConnections("ibkr", form, also=("tastytrade",)))
    assert bench.written() == {"broker": {"name": "ibkr", "also": ["tastytrade"]}}
    assert (await bench.connections.handle(commands.ReadConnections())).also == ("tastytrade",)
    await bench.connections.handle(commands.SaveConnections("ibkr", form))
    assert bench.written() == {"broker": {"name": "ibkr", "also": []}}


@pytest.mark.parametrize(("name", "also"), [("paper", ("ibkr",)), ("ibkr", ("ibkr",)), ("ibkr", ("tastytrade",) * 2)])
async def test_brokers_that_cannot_be_one_book_are_not_saved(tmp_path: Path, name: str, also: tuple[str, ...]) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(InvalidInput):
        await bench.connections.save(name, form_of(bench.config.ibkr), also=also)
    assert bench.written() == {}

"""Which model answers: the alias is followed, and nothing that goes wrong takes away what answers already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from features.answers import ModelIdentity
from features.errors import ModelUnavailableError
from features.tickets import Ticket
from serving.local_models import LocalModels
from serving.model_store import ModelStore
from serving.served_models import LoadFailure, ServedModel, UnknownModelError

WaitUntil = Callable[[Callable[[], bool]], None]
TICKET = Ticket(id="1", subject="vpn", body="the vpn is down again")


class Witness:
    """Remembers what it was told of swaps and failures."""

    def __init__(self) -> None:
        self.served: list[tuple[ModelIdentity, bool]] = []
        self.failures: list[tuple[str, LoadFailure, bool]] = []

    def model_served(self, identity: ModelIdentity, *, is_fallback: bool) -> None:
        """Note that a model answers from now on."""
        self.served.append((identity, is_fallback))

    def model_failed(self, name: str, *, failure: LoadFailure, is_new: bool) -> None:
        """Note that following the registry failed."""
        self.failures.append((name, failure, is_new))


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def open_store(registry: Any, witness: Witness, tmp_path: Path) -> Iterator[Callable[..., ModelStore]]:
    """Start stores that share a folder of local copies, as restarts do."""
    opened: list[ModelStore] = []

    def open_(*, pinned_version: str = "", poll_seconds: float = 0.02) -> ModelStore:
        store = ModelStore(
            registry,
            local_models=LocalModels(tmp_path / "models"),
            observer=witness,
            default_name="ticket-triage",
            alias="champion",
            pinned_version=pinned_version,
            poll_seconds=poll_seconds,
        )
        store.start()
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


def version_of(store: ModelStore) -> str | None:
    served = store.current()
    return served.identity.version if served else None


def failure_of(store: ModelStore) -> str:
    failure = store.status().last_failure
    return failure.because if failure else ""


def wanted(store: ModelStore, name: str = "") -> ServedModel:
    return store.request(name).result(timeout=30)


def test_the_alias_tells_which_version_answers(
    registry: Any, sample_bundle: Path, open_store: Any, witness: Witness
) -> None:
    """The version under the alias is downloaded, loaded and can score."""
    registry.register(sample_bundle)
    store = open_store()
    served = wanted(store)
    assert served.identity == ModelIdentity("ticket-triage", "1", "champion")
    assert served.bundle.score([TICKET])[0].ticket_id == "1"
    assert witness.served == [(served.identity, False)]


def test_a_moved_alias_is_noticed(
    registry: Any, sample_bundle: Path, open_store: Any, wait_until: WaitUntil, witness: Witness
) -> None:
    """When the alias moves the new version answers, and whoever holds the old one keeps it."""
    registry.register(sample_bundle)
    store = open_store()
    before = wanted(store)
    registry.register(sample_bundle)
    wait_until(lambda: version_of(store) == "2")
    assert before.identity.version == "1"
    assert before.bundle.score([TICKET])
    wait_until(lambda: [identity.version for identity, _ in witness.served] == ["1", "2"])


def test_a_version_that_does_not_load_changes_nothing(
    registry: Any, sample_bundle: Path, open_store: Any, wait_until: WaitUntil, witness: Witness
) -> None:
    """A damaged new version is refused once, with the reason; the last good one answers on, also after a restart."""
    registry.register(sample_bundle)
    store = open_store()
    wanted(store)
    registry.register_broken(sample_bundle)
    wait_until(lambda: failure_of(store) != "")
    lookups = registry.lookups
    wait_until(lambda: registry.lookups > lookups + 3)
    assert version_of(store) == "1"
    assert registry.downloads == 2
    status = store.status()
    assert status.last_failure is not None
    assert status.last_failure.version == "2"
    assert [is_new for _, _, is_new in witness.failures].count(True) == 1

    restarted = open_store()
    assert wanted(restarted).identity.version == "1"
    assert failure_of(restarted) == failure_of(store)
    assert witness.served[-1] == (ModelIdentity("ticket-triage", "1", "champion"), True)


def test_pointing_the_alias_back_ends_the_failure(
    registry: Any, sample_bundle: Path, open_store: Any, wait_until: WaitUntil
) -> None:
    """Once the alias names a version that loads, nothing is reported any more."""
    registry.register(sample_bundle)
    store = open_store()
    wanted(store)
    registry.register_broken(sample_bundle)
    wait_until(lambda: failure_of(store) != "")
    registry.point("1")
    wait_until(lambda: failure_of(store) == "")
    assert version_of(store) == "1"


def test_a_registry_that_goes_down_is_survived(
    registry: Any, sample_bundle: Path, open_store: Any, wait_until: WaitUntil
) -> None:
    """While the registry is down the model answers on; when it is back its alias is followed again."""
    registry.register(sample_bundle)
    store = open_store()
    wanted(store)
    registry.is_down = True
    wait_until(lambda: "does not answer" in failure_of(store))
    assert version_of(store) == "1"
    registry.register(sample_bundle)
    registry.is_down = False
    wait_until(lambda: version_of(store) == "2" and failure_of(store) == "")


def test_a_start_without_registry_takes_the_local_copy_and_says_so(
    registry: Any, sample_bundle: Path, open_store: Any, witness: Witness
) -> None:
    """A restart while the registry is down serves the version that was last good."""
    registry.register(sample_bundle)
    wanted(open_store())
    registry.is_down = True
    store = open_store()
    assert wanted(store).identity.version == "1"
    assert "does not answer" in failure_of(store)
    assert witness.served[-1] == (ModelIdentity("ticket-triage", "1", "champion"), True)
    assert registry.downloads == 1


def test_a_first_start_without_registry_has_no_model(registry: Any, open_store: Any) -> None:
    """Without registry and local copy there is nothing to serve, and the reason is told."""
    registry.is_down = True
    store = open_store()
    with pytest.raises(ModelUnavailableError, match="does not answer"):
        wanted(store)
    assert store.current() is None


def test_a_restart_downloads_nothing_twice(registry: Any, sample_bundle: Path, open_store: Any) -> None:
    """A version that lies here whole is not fetched again."""
    registry.register(sample_bundle)
    wanted(open_store())
    wanted(open_store())
    assert registry.downloads == 1


def test_a_local_copy_that_was_damaged_is_fetched_again(
    registry: Any, sample_bundle: Path, open_store: Any, tmp_path: Path
) -> None:
    """Tampering with the local copy is found out, and the registry's own is taken in its place."""
    registry.register(sample_bundle)
    wanted(open_store())
    manifest = tmp_path / "models" / "ticket-triage" / "1" / "bundle" / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8")[:-100], encoding="utf-8")
    assert wanted(open_store()).identity.version == "1"
    assert registry.downloads == 2


def test_a_pinned_version_does_not_follow_the_alias(registry: Any, sample_bundle: Path, open_store: Any) -> None:
    """A version asked for by number answers whatever the alias names, and names no alias."""
    registry.register(sample_bundle)
    registry.register(sample_bundle)
    store = open_store(pinned_version="1")
    assert wanted(store).identity == ModelIdentity("ticket-triage", "1", "")
    registry.is_down = True
    assert wanted(open_store(pinned_version="1")).identity == ModelIdentity("ticket-triage", "1", "")


def test_other_models_are_loaded_when_first_asked_for(
    registry: Any, sample_bundle: Path, open_store: Any, wait_until: WaitUntil
) -> None:
    """A registered model is loaded on first use, and its alias is followed from then on."""
    registry.register(sample_bundle)
    registry.register(sample_bundle, name="hr-triage")
    store = open_store()
    assert store.current("hr-triage") is None
    assert wanted(store, "hr-triage").identity.name == "hr-triage"
    registry.register(sample_bundle, name="hr-triage")
    wait_until(lambda: store.status("hr-triage").served.identity.version == "2")
    assert [status.name for status in store.statuses()] == ["ticket-triage", "hr-triage"]


@pytest.mark.parametrize("name", ["../../etc", "..", "a/b", "models:/x", "x" * 101, "\n"])
def test_what_cannot_be_a_name_is_not_even_looked_up(registry: Any, open_store: Any, name: str) -> None:
    """A name that would lead elsewhere is refused before it becomes a folder or a part of an address."""
    store = open_store(poll_seconds=60)
    with pytest.raises(UnknownModelError):
        wanted(store, name)
    assert registry.lookups == 1  # for the default model at the start


@pytest.mark.parametrize("name", ["nobody", "no body", "문의"])
def test_an_unknown_model_is_unknown(
    registry: Any, sample_bundle: Path, open_store: Any, name: str, tmp_path: Path
) -> None:
    """A name that is not registered is refused and leaves nothing behind."""
    registry.register(sample_bundle)
    store = open_store()
    wanted(store)
    with pytest.raises(UnknownModelError):
        wanted(store, name)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["ticket-triage"]
    assert len(store.statuses()) == 1


def test_an_unknown_model_is_not_asked_for_again_and_again(registry: Any, open_store: Any) -> None:
    """Callers who repeat a wrong name do not flood the registry: it is asked once until the next poll."""
    store = open_store(poll_seconds=60)
    for _ in range(20):
        with pytest.raises(UnknownModelError):
            wanted(store, "nobody")
    assert registry.lookups == 2  # one for the default model at the start


def test_a_bundle_that_is_none_is_refused(registry: Any, tmp_path: Path, open_store: Any) -> None:
    """A registered model that holds no bundle of ours is refused with a reason."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.bin").write_bytes(b"something else")
    registry.register(tmp_path / "other")
    with pytest.raises(ModelUnavailableError) as refused:
        wanted(open_store())
    assert str(tmp_path) not in str(refused.value)


def test_a_damaged_local_copy_is_not_fallen_back_on(
    registry: Any, sample_bundle: Path, open_store: Any, tmp_path: Path
) -> None:
    """Without registry and with a local copy that was tampered with there is no model, and the reason is told."""
    registry.register(sample_bundle)
    wanted(open_store()).bundle.score([TICKET])
    bundle = tmp_path / "models" / "ticket-triage" / "1" / "bundle"
    (bundle / "vectorizer.json").write_bytes(b"{}")
    registry.is_down = True
    store = open_store()
    with pytest.raises(ModelUnavailableError):
        wanted(store)
    assert store.current() is None
    assert "vectorizer" in failure_of(store)


def test_a_defect_of_a_registry_s_client_does_not_end_the_following(
    registry: Any, sample_bundle: Path, open_store: Any, wait_until: WaitUntil
) -> None:
    """Should a registry's client raise what nobody expected, that is a failure like another."""
    registry.register(sample_bundle)
    registry.defect = ZeroDivisionError("deep within")
    store = open_store()
    wait_until(lambda: "ZeroDivisionError" in failure_of(store))
    assert "deep within" not in failure_of(store)
    registry.defect = None
    wait_until(lambda: version_of(store) == "1")


def test_many_unknown_names_are_not_kept(registry: Any, open_store: Any) -> None:
    """Callers who make up names fill no memory: each is refused, and the first is asked for anew in the end."""
    store = open_store(poll_seconds=60)
    for number in [*range(100), 0, *range(100, 110)]:
        with pytest.raises(UnknownModelError):
            wanted(store, f"nobody-{number}")
    before = registry.lookups
    with pytest.raises(UnknownModelError):
        wanted(store, "nobody-0")
    assert registry.lookups == before + 1


def test_a_full_disk_is_a_failure_like_another(
    registry: Any, sample_bundle: Path, open_store: Any, tmp_path: Path
) -> None:
    """Where the local copy cannot be written the model is unavailable, and the store goes on."""
    (tmp_path / "models").write_text("a file in the folder's place", encoding="utf-8")
    registry.register(sample_bundle)
    store = open_store()
    with pytest.raises(ModelUnavailableError, match=r"could not be stored"):
        wanted(store)
    (tmp_path / "models").unlink()
    store.close()
    assert wanted(open_store()).identity.version == "1"

import importlib
import sys
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, urlencode

import keyring
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked

from placeproof.errors import KeyMissingError
from placeproof.net.keys import MASKED, Mask, find_key, mask

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=30)


class MemoryKeyring(KeyringBackend):
    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture(name="ring")
def ring_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryKeyring]:
    monkeypatch.delenv("MAPILLARY_TOKEN", raising=False)
    monkeypatch.delenv("GOOGLE_MAPS_API_KEY", raising=False)
    before = keyring.get_keyring()
    ring = MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_a_key_comes_from_the_environment_first(
    ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.set_password("placeproof", "mapillary", "from-ring")
    assert find_key("mapillary") == "from-ring"
    monkeypatch.setenv("MAPILLARY_TOKEN", " MLY|1|abc\n")
    assert find_key("mapillary") == "MLY|1|abc"


@pytest.mark.parametrize(
    ("provider", "variable"), [("mapillary", "MAPILLARY_TOKEN"), ("google", "GOOGLE_MAPS_API_KEY")]
)
def test_without_a_key_the_error_says_what_to_set(
    ring: MemoryKeyring, provider: str, variable: str
) -> None:
    assert not ring.entries
    with pytest.raises(KeyMissingError, match=f"{variable}.*keyring set placeproof {provider}"):
        find_key(provider)


def test_a_locked_or_absent_keyring_has_no_key(ring: MemoryKeyring) -> None:
    ring.locked = True
    with pytest.raises(KeyMissingError):
        find_key("google")
    keyring.set_keyring(fail.Keyring())
    with pytest.raises(KeyMissingError):
        find_key("google")


def test_the_package_keyring_is_not_needed(
    ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.set_password("placeproof", "google", "from-ring")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ImportError):
        importlib.import_module("keyring")
    with pytest.raises(KeyMissingError):
        find_key("google")


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", "nul\x7f"])
def test_a_damaged_key_is_refused_without_repeating_it(ring: MemoryKeyring, key: str) -> None:
    ring.set_password("placeproof", "google", key)
    with pytest.raises(KeyMissingError, match="copy it again") as caught:
        find_key("google")
    assert key not in str(caught.value)


@settings(max_examples=40)
@given(KEYS, st.text(max_size=20), st.text(max_size=20))
def test_a_masked_text_holds_the_key_in_no_encoding(key: str, before: str, after: str) -> None:
    for encoded in (
        key,
        quote(key),
        quote(key, safe=""),
        quote_plus(key),
        quote(quote(key, safe=""), safe=""),
        quote(key, safe="").lower() if key.islower() else key,
        urlencode({"key": key}),
    ):
        assert encoded not in mask(before + encoded + after, [key])
        assert MASKED in mask(encoded, [key])


@given(st.text(), KEYS)
def test_other_texts_stay_as_they_are(text: str, key: str) -> None:
    assert mask(text, []) == text
    assert mask(text, [""]) == text
    if key not in text and "%" not in text:
        assert mask(text, [key]) == text


def test_a_key_that_begins_like_another_is_masked_whole() -> None:
    assert mask("abc abcdef", ["abc", "abcdef"]) == f"{MASKED} {MASKED}"


def test_keys_may_be_added_and_are_not_shown() -> None:
    hide = Mask(["first-key"])
    hide.add(["second-key"])
    assert hide("first-key second-key") == f"{MASKED} {MASKED}"
    assert "key-" not in repr(hide) and "first" not in repr(hide)

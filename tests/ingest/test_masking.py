"""Masking: every kind of secret is found wherever it stands, everything else stays as it is."""

from __future__ import annotations

import json
import logging
import time
from contextlib import closing
from importlib import resources
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import cli
from ingest.errors import IngestError
from ingest.load_result import describe
from ingest.raw import masking
from ingest.raw.documents import ENTITIES
from ingest.raw.json_text import JsonValue, canonical
from ingest.raw.masking import Rules, default_rules
from ingest.settings import from_environment
from tests.ingest.secrets import assert_nowhere, draw, entries, everything, plant, planted, texts
from tests.ingest.stores import Warehouse, json_tree, part, part_file, write

RULES = default_rules()
EXAMPLES = [(str(entry["kind"]), example) for entry in entries() for example in texts(entry, "examples")]
HARMLESS = sorted({text for entry in entries() for text in texts(entry, "harmless")})

ORDINARY = [
    "The quick brown fox; token limits, password rules and secret santas are described in docs/secrets.md.",
    "export const key = (token: string, password?: string) => `${token}:${password}`",
    "def login(password: str, token: str | None = None) -> Secret[str]: ...",
    'password = os.environ["DB_PASSWORD"]\ntoken = process.env.TOKEN ?? ""\napi_key=getenv("KEY_1")',
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8\nid 123e4567-e89b-12d3-a456-426614174000",
    '"integrity": "sha512-'
    "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==" + '"',
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E",
    "ses_0a1b2c3d4e5fABCDEFGHIJKLMN msg_0a1b2c3d4e5fABCDEFGHIJKLMN prt_0a1b2c3d4e5fABCDEFGHIJKLMN",
    "toolu_01A09q90qw90lq917835lq9 call_yH2f0aVxTgQpLm8sK3wN1zRb",
    "PWD=/home/dev/work2 OLDPWD=/srv/app3/releases docker run -u 1000:1000 image https://host:8443/@scope/name",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
]
OPAQUE: dict[str, JsonValue] = {
    "reasoningEncryptedContent": draw("gAAAA<url64:900>")[0],
    "signature": draw("<base64:600>==")[0],
    "id": draw("rs_<hex:48>")[0],
    "hash": draw("<hex:64>")[0],
    "tokens": {"input": 123456789012, "output": 12.5, "cache": {"read": 0, "write": None}},
    "cost": 0.000123,
    "token": draw("call_<alnum:24>")[0],
}

PLACES = {
    "bare": "{}",
    "a line of its own": "first line\n{}\nlast line",
    "after a tab": "a\t{}",
    "an escape left by another layer": "printed: \\n{}\\t and more",
    "in quotes within quotes": '{{\\"value\\": \\"{}\\"}}',
    "beside other scripts": "Schlüssel→{}←ключ 🔑",
    "coloured by a terminal": "\x1b[32m{}\x1b[0m",
    "in a URL": "https://host/path?value={}&more=1",
    "numbered by a tool": "00012| {}\n00013| end",
}


def find(payload: bytes, rules: Rules = RULES) -> tuple[bytes, dict[str, int]]:
    """Mask a payload as a load does: what the fast pattern does not find is not looked at."""
    changed, masked = rules.mask_all(pa.array([payload], pa.string()))
    return changed.get(0, payload), dict(masked)


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_every_example_is_found_as_its_kind_wherever_it_stands(kind: str, example: str) -> None:
    drawn = [(place, *draw(example, seed)) for place in PLACES for seed in range(5)]
    payloads = [
        canonical({"type": "text", "text": PLACES[place].format(text)})[0] for place, text, _ in drawn
    ]

    changed, _ = RULES.mask_all(pa.array(payloads, pa.string()))

    for n, (place, text, pieces) in enumerate(drawn):
        assert f"[masked:{kind}]" in changed.get(n, b"").decode(), f"{place}: {text}"
        assert not [piece for piece in pieces if piece in changed[n].decode()], f"{place}: {text}"
    assert RULES.mask_all(pa.array(list(changed.values()), pa.string())) == ({}, {})


@pytest.mark.parametrize("text", [*HARMLESS, *ORDINARY])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    for frame in (*PLACES.values(), '{{"content": "{}"}}'):
        payload = canonical({"text": frame.format(text), frame.format(text): OPAQUE})[0]

        assert RULES.mask(payload) == (payload, {})


def test_there_are_many_kinds_each_with_its_examples() -> None:
    assert len({rule.kind for rule in RULES.rules}) >= 30
    for entry in entries():
        assert texts(entry, "examples"), entry["kind"]
        assert texts(entry, "harmless"), entry["kind"]
        assert entry["description"]


def test_a_field_is_masked_for_its_name_and_a_key_for_what_it_is() -> None:
    key, _ = draw("<alnum:30>7z")
    token, _ = draw("ghp_<alnum:36>")
    payload, masked = find(
        canonical(
            {
                "env": {"STRANGE_API_KEY": key, "nextPageToken": key},
                "mcp": [{"clientSecret": key, "password": "correct7horse"}],
                token: {token + "x": 1, token + "y": 2},
            }
        )[0]
    )

    assert json.loads(payload) == {
        "env": {"STRANGE_API_KEY": "[masked:assigned_secret]", "nextPageToken": key},
        "mcp": [{"clientSecret": "[masked:assigned_secret]", "password": "[masked:assigned_password]"}],
        "[masked:github_token]": {"[masked:github_token]": 1, "[masked:github_token] 2": 2},
    }
    assert masked == {"assigned_secret": 2, "assigned_password": 1, "github_token": 3}


def test_a_url_keeps_scheme_user_and_host() -> None:
    assert RULES.mask_text("postgres://app:hunter-2!@db.internal:5432/app")[0] == (
        "postgres://app:[masked:url_password]@db.internal:5432/app"
    )


def test_a_private_key_that_is_cut_off_or_numbered_is_masked_to_its_last_line() -> None:
    text, lines = draw("-----BEGIN RSA PRIVATE KEY-----\n<lines:9>")
    numbered = "\n".join(f"{n:05}| {line}" for n, line in enumerate(text.splitlines(), 1))

    for given_text in (text, numbered, text.replace("\n", "\\n"), text.replace("\n", "\r\n+")):
        masked, counts = RULES.mask_text(f"{given_text}\nThe file goes on with words.")
        assert not [line for line in lines if line in masked]
        assert masked.endswith("The file goes on with words.")
        assert counts == {"private_key": 1}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
secrets = st.builds(
    lambda one, seed: (one[0], *draw(one[1], seed)), st.sampled_from(EXAMPLES), st.integers(0, 10**9)
)
around = st.text(max_size=12)


def shape(value: JsonValue) -> object:
    """Return a value with every text and key replaced by one sign: all that masking may not change."""
    if isinstance(value, dict):
        return sorted(((shape(item)) for item in value.values()), key=repr)
    if isinstance(value, list):
        return [shape(item) for item in value]
    return "text" if isinstance(value, str) else value


@given(json_values, secrets, around, around, st.integers(0, 3), st.booleans())
def test_the_fast_pattern_misses_nothing_that_the_rules_find(
    other: JsonValue, secret: tuple[str, str, list[str]], before: str, after: str, depth: int, in_key: bool
) -> None:
    text = f"{before}{secret[1]}{after}"
    for _ in range(depth):  # JSON in a text in JSON, as tools print it
        text = json.dumps({"output": text})
    value: JsonValue = {"other": other, "list": [{text: 1} if in_key else text]}
    payload = canonical(value)[0]

    masked, counts = RULES.mask(payload)

    assert find(payload) == (masked, counts)
    assert shape(orjson.loads(masked)) == shape(orjson.loads(payload))
    assert RULES.mask(masked) == (masked, {})
    assert masked == canonical(orjson.loads(masked))[0]


@given(json_values)
def test_a_document_without_a_secret_is_not_touched_by_one_byte(value: JsonValue) -> None:
    payload = canonical(value)[0]

    assert RULES.mask(payload) == (payload, {})


@given(secrets)
def test_the_hint_is_found_by_the_warehouse_as_by_arrow(secret: tuple[str, str, list[str]]) -> None:
    payload = canonical([secret[1]])[0].decode()

    found = [duckdb.execute("select regexp_matches(?, ?)", [payload, one]).fetchone() for one in RULES.unions]
    assert (True,) in found


@pytest.mark.parametrize(
    "text",
    ["-----BEGIN RSA PRIVATE KEY-----" + "A" * 60, "://a:", "curl  -u ", "secret=", "password=", "password: ",
     "mysql ", "AAAA\n", "eyJ" * 9 + ".", "key-", "1: "],
)  # fmt: skip
def test_hostile_text_takes_no_time_that_grows_with_its_square(text: str) -> None:
    spent = []
    for size in (10_000, 40_000):
        before = time.process_time()
        RULES.mask_text(text * (size // len(text)))
        spent.append(time.process_time() - before)

    assert spent[1] < 8 * spent[0] + 0.5  # of what grows with its square it would be 16 times


def test_no_planted_secret_reaches_the_warehouse_the_output_or_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root, path = tmp_path / "store", tmp_path / "w" / "opencode.duckdb"
    found = plant(root)
    kinds = {kind for kind, _, _ in planted()}
    assert len(kinds) >= 25
    write(part_file(root, "prt_torn"), json.dumps(part("prt_torn", text=planted()[0][1])).encode()[:-20])

    with caplog.at_level(logging.DEBUG):
        code = cli.main(["load", "--store", str(root), "--warehouse", str(path)])

    assert code == 1, "a document is torn"
    output = capsys.readouterr()
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("checkpoint")
        n, by_kind = connection.execute(
            "select n_secrets_masked, secrets_masked_by_kind from raw.load_batches"
        ).fetchone() or (0, "{}")
    assert set(json.loads(by_kind)) == kinds
    assert n == sum(json.loads(by_kind).values()) > 10 * len(planted())
    assert f"{n:,} secrets masked in them: " in output.out
    beside = [file.read_bytes() for file in path.parent.rglob("*") if file.is_file()]
    assert_nowhere(found, everything(path), output.out, output.err, caplog.text, *beside)


def test_without_masking_everything_is_landed_as_it_is(warehouse: Warehouse, tmp_path: Path) -> None:
    found = plant(tmp_path / "store")
    warehouse.mask = False

    result = warehouse.load(tmp_path / "store")

    assert result.counts.secrets_masked == {}
    assert "masked" not in describe(result)
    kept = everything(warehouse.path)
    assert not [piece for piece in found if piece not in kept]


def test_a_masked_document_is_unchanged_for_the_next_load(warehouse: Warehouse, tmp_path: Path) -> None:
    plant(tmp_path / "store")
    warehouse.load(tmp_path / "store")
    documents, stamps = warehouse.documents(), warehouse.stamps()

    again = warehouse.load(tmp_path / "store", rehash=True)

    assert (again.counts.written, again.counts.secrets_masked) == (0, {})
    assert (warehouse.documents(), warehouse.stamps()) == (documents, stamps)


def test_history_that_was_landed_unmasked_is_masked_once_and_marked_as_new(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.raw.chunks.CHUNK_ROWS", 7)
    root = tmp_path / "store"
    found = plant(root)
    warehouse.mask = False
    warehouse.load(root)
    part_file(root, "prt_0_0", "msg_ses_1_1").unlink()
    warehouse.load(root)  # what is deleted is masked as well
    warehouse.mask = True

    result = warehouse.load(root)

    assert result.counts.written == 0
    assert masking.total(result.counts.secrets_masked) > 10 * len(planted())
    assert any("had been landed before" in note for note in result.notes)
    assert_nowhere(found, everything(warehouse.path))
    assert (
        warehouse.value(
            "select count(*) from raw.parts where deleted_at is not null and payload like '%[masked:%'"
        )
        == 1
    )
    for entity in ENTITIES:
        for payload, batch in warehouse.query(f"select payload, load_batch_id from raw.{entity}"):
            assert ("[masked:" in str(payload)) == (batch == 3)
    assert warehouse.load(root).counts.secrets_masked == {}


def test_a_load_that_masks_nothing_says_what_stays_masked_and_is_looked_through_later(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = json_tree(tmp_path / "store")
    token, (piece,) = draw("ghp_<alnum:36>")
    write(part_file(root, "prt_a", "msg_ses_1_1"), part("prt_a", "msg_ses_1_1", text=token))
    warehouse.load(root)
    warehouse.mask = False
    write(part_file(root, "prt_b", "msg_ses_1_1"), part("prt_b", "msg_ses_1_1", text=token + "B"))

    result = warehouse.load(root)

    assert "What is landed masked stays masked until it changes." in describe(result)
    assert everything(warehouse.path).count(piece) == 1
    assert not warehouse.load(root).notes
    warehouse.mask = True
    assert warehouse.load(root).counts.secrets_masked == {"github_token": 1}
    assert_nowhere([piece], everything(warehouse.path))


def test_other_rules_go_over_what_is_landed(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = json_tree(tmp_path / "store")
    write(
        part_file(root, "prt_a", "msg_ses_1_1"),
        part("prt_a", "msg_ses_1_1", text="the passphrase of the house is xyzzy-1234"),
    )
    warehouse.load(root)
    text = (resources.files("ingest.raw") / masking.RULES_FILE).read_text()
    more = (
        '[[rules]]\nkind = "house"\ndescription = "ours"\nkeywords = ["xyzzy-"]\n'
        'pattern = "xyzzy-[0-9]{4}"\nevidence = "shape"\n'
    )
    at = text.index("[[assignments]]")
    newer = Rules((text[:at] + more + text[at:]).encode())
    monkeypatch.setattr(masking, "default_rules", lambda: newer)

    assert warehouse.load(root, dry_run=True).counts.secrets_masked == {}
    assert warehouse.load(root).counts.secrets_masked == {"house": 1}
    assert warehouse.load(root).counts.secrets_masked == {}
    assert warehouse.value("select count(*) from raw.parts where payload like '%[masked:house]%'") == 1


def test_names_of_files_and_rejections_are_masked_and_stay_apart(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = json_tree(tmp_path / "store")
    found = []
    for n in range(2):
        token, (piece,) = draw("ghp_<alnum:36>", n)
        found.append(piece)
        write(part_file(root, f"prt_{token}", "msg_ses_1_1"), b"{")

    warehouse.load(root)
    warehouse.load(root)

    rejected = warehouse.query("select origin, document_id, detail, resolved_at from raw.rejected_documents")
    assert len(rejected) == len({row[0] for row in rejected}) == 2
    assert all("[masked:github_token]" in str(row[0]) and row[3] is None for row in rejected)
    assert_nowhere(found, everything(warehouse.path))


def test_a_document_whose_id_is_a_secret_is_rejected_by_its_masked_name(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = json_tree(tmp_path / "store")
    token, (piece,) = draw("ghp_<alnum:36>", 1)
    write(part_file(root, token, "msg_ses_1_1"), part(token, "msg_ses_1_1"))
    write(part_file(root, "prt_below", token), part("prt_below", token))

    warehouse.load(root)
    again = warehouse.load(root)

    assert warehouse.query(
        "select reason, document_id like '[masked:github_token]%' from raw.rejected_documents"
        " where resolved_at is null order by document_id"
    ) == [("secret_id", True), ("secret_id", False)]
    assert again.counts.rejected == 2
    assert_nowhere([piece], everything(warehouse.path))
    warehouse.mask = False
    assert warehouse.load(root).counts.rejected == 0


def test_the_place_of_a_document_is_masked() -> None:
    token, (piece,) = draw("ghp_<alnum:36>")
    names = pa.array(["part", f"storage/{token}.json", f"storage/{token}x.json"], pa.string())

    masked = RULES.mask_names(names).to_pylist()

    assert masked[0] == "part"
    assert piece not in "".join(masked)
    assert len(set(masked)) == 3
    assert RULES.mask_names(pa.array(masked, pa.string())).to_pylist() == masked


def test_a_dry_run_says_what_would_be_masked_and_writes_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    plant(tmp_path / "store")

    result = warehouse.load(tmp_path / "store", dry_run=True)

    assert "would be masked" in describe(result)
    assert not warehouse.path.exists()


def test_masking_is_switched_off_by_an_option_or_a_setting(tmp_path: Path) -> None:
    environ = {"OPENCODE_STORE": str(tmp_path / "s"), "OPENCODE_WAREHOUSE": str(tmp_path / "opencode.duckdb")}

    assert from_environment(environ).mask
    assert from_environment({**environ, "OPENCODE_MASK": "On"}).mask
    assert not from_environment({**environ, "OPENCODE_MASK": "off"}).mask
    assert not from_environment(environ, no_mask=True).mask
    with pytest.raises(IngestError, match="OPENCODE_MASK is on or off, not 1"):
        from_environment({**environ, "OPENCODE_MASK": "1"})


def test_the_rules_in_force_and_when_are_kept(warehouse: Warehouse, tmp_path: Path) -> None:
    root = json_tree(tmp_path / "store")
    warehouse.load(root)
    warehouse.load(root)

    assert warehouse.query("select load_batch_id, rules_version from raw.masking_rules") == [
        (1, RULES.version)
    ]

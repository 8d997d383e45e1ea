"""What is written past an import while it reads: of what it took for unchanged it has the last word all the same."""

from __future__ import annotations

from syncd.store import fingerprints
from syncd.sync import imports
from tests.api.site import OneC, Site, catalogue


def name(site: Site) -> str:
    return str(site.row("SELECT name FROM products WHERE id = 'p1'")["name"])


def test_a_pull_that_ends_while_an_import_reads_does_not_freeze_its_values(site: Site, onec: OneC) -> None:
    document = catalogue(*(f"Стул {n}" for n in range(50)))
    onec.push("import0_1.xml", document)
    onec.begin()
    for at in range(0, len(document), 1000):
        onec.send("import0_1.xml", document[at : at + 1000])
    onec.ask("type=catalog&mode=import&filename=import0_1.xml")
    claim = imports.claim_next(site.ctx)
    assert claim is not None
    looks = 0

    def pulled() -> bool:
        """Between two looks at its orders the import finds what a pull has merged."""
        nonlocal looks
        looks += 1
        if looks == 4:
            with site.ctx.db.transaction() as conn:
                conn.execute("UPDATE products SET name = 'Кресло', content_hash = gen_random_uuid() WHERE id = 'p1'")
                fingerprints.forget(conn, "default", "catalogue")
        return False

    result = imports.run(site.ctx, claim, stopping=pulled)
    assert result is not None
    assert looks > 4
    assert name(site) == "Стул 0"
    onec.push("import0_1.xml", document)
    assert name(site) == "Стул 0"

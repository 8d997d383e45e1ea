"""What a base publishes, by its ``$metadata``: for mappings and marks, and never to see whether it is alive."""

from __future__ import annotations

import hashlib
import tempfile
from typing import Final

from syncd.adapters.odata.client import Client
from syncd.mappings import metadata_reader
from syncd.mappings.metadata import Metadata

IN_MEMORY: Final = 4 * 1024 * 1024


def metadata(client: Client) -> Metadata:
    """Fetch and read it: some 16 MB and half a minute on a usual base. Its ``hash`` tells whether it has changed.

    Raises as ``Client.download`` and ``metadata_reader.read`` do.
    """
    found = changed(client, "")
    assert found is not None
    return found


def changed(client: Client, known: str) -> Metadata | None:
    """Fetch it, and read it unless its hash is ``known``: then nothing has changed, and it is not parsed again.

    Raises as ``metadata`` does.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        limit = client.endpoint.max_kept_bytes
        client.download("GET", "$metadata", None, body, kind="metadata", limit=limit)
        body.seek(0)
        if known and hashlib.file_digest(body, hashlib.sha256).hexdigest() == known:
            return None
        body.seek(0)
        return metadata_reader.read(body)


def types(known: Metadata, set_name: str) -> dict[str, str]:
    """Types of a set's fields and of those in its tabular sections, for answers in Atom."""
    shape = known.shape(set_name)
    if shape is None:
        return {}
    rows = [row for section in shape.sections if (row := known.rows(shape, section)) is not None]
    return {field.name: field.type for each in (*rows, shape) for field in each.properties.values()}

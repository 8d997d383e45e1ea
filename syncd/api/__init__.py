"""The local HTTP API: storefronts and 1C knock here. One file per resource."""

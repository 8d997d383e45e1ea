"""The exchange over HTTP between 1C and a site: ``server`` is the side that 1C calls."""

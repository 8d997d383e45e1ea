"""syncd: the service between any storefront and 1C:Enterprise."""

__version__ = "0.1.0"

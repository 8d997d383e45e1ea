"""The use cases: receive a package, import it, take an order, hand orders over, and what the worker does all day."""

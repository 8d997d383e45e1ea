"""Everything breaks, in an order that a seed decides, under load; at the end the books are compared."""

"""CommerceML 2.02-3.1: a stream of bytes into canonical records, orders into XML. No I/O beyond the given stream."""

"""The mapping language: load, check, compile, run. No I/O but the mapping files themselves."""

"""How fast syncd reads and imports here, beside a yardstick measured in the same run: ``python -m bench``."""

"""The outside world, one room per protocol, all behind the ports in ``ports.py``."""

"""A 1C that runs on a laptop, with faults on demand.

It judges our own work, so it shares no code with it: it writes and reads CommerceML by itself and speaks the exchange
protocol as 1C's own sources do, insistences and bugs included.
"""

"""Schedules: when something is due, which of it becomes a run, and who has the run.

APScheduler's triggers tell the time and nothing else. A run exists when its (tenant, schedule, fire time) row was
inserted, so any number of schedulers run a job once. Rows are worked off by workers with a lease.
"""

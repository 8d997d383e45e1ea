"""The doorbell: dramatiq on Redis. A ring says "look into Postgres"; it carries no work, so a lost ring costs time
and nothing else.
"""

from __future__ import annotations

import time
from typing import Final

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Callbacks, ShutdownNotifications, TimeLimit

log = structlog.get_logger(__name__)

QUEUE: Final = "imports"
ACTOR: Final = "wake"
_SILENT_SECONDS: Final = 5.0  # after a failed ring: a stopped Redis must not slow every request down


def make_broker(redis_url: str, *, namespace: str = "syncd") -> RedisBroker:
    """A broker whose failures are quick: it may be away, and that is a normal state."""
    client = redis.Redis.from_url(
        redis_url, socket_connect_timeout=0.5, socket_timeout=5.0, retry_on_timeout=False, health_check_interval=15
    )
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        client=client,
        namespace=namespace,
        middleware=[AgeLimit(max_age=60_000), TimeLimit(), ShutdownNotifications(), Callbacks()],
    )
    broker.declare_queue(QUEUE)
    return broker


class Doorbell:
    """Rings after a commit. Never raises: the poller finds the work anyway."""

    def __init__(self, broker: RedisBroker | None) -> None:
        self._broker = broker
        self._silent_until = 0.0

    def ring(self) -> bool:
        """Wake a worker. ``False`` when nobody could be told."""
        if self._broker is None or time.monotonic() < self._silent_until:
            return False
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=QUEUE, actor_name=ACTOR, args=(), kwargs={}, options={}
        )
        try:
            self._broker.enqueue(message)
        except (redis.RedisError, dramatiq.errors.BrokerError, OSError) as error:
            self._silent_until = time.monotonic() + _SILENT_SECONDS
            log.warning("doorbell is silent, work is found by polling", error=str(error))
            return False
        return True

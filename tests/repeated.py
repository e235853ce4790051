"""Do something repeatedly while something else runs."""

import threading
from abc import ABC, abstractmethod
from typing import Any, Self


class Poller(ABC):
    """A context manager that calls `poll` every `seconds`, in its own thread, until the context ends."""

    def __init__(self, seconds: float):
        self._seconds, self._ended = seconds, threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._ended.wait(self._seconds):
            self.poll()

    @abstractmethod
    def poll(self) -> None:
        """Do it once."""

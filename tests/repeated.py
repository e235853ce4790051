"""Looking again and again while something else goes on."""

import threading
from abc import ABC, abstractmethod
from typing import Any, Self


class Repeated(ABC):
    """A context: every `seconds`, in a thread of its own, it looks once more until it is left."""

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
            self.look()

    @abstractmethod
    def look(self) -> None:
        """One look."""

"""One thread that waits for the disk, so that the event loop does not.

An executor would do; it makes a lock, a condition and two futures for each job, which at some thousand commits a second
is more than the commits themselves cost the interpreter.
"""

import asyncio
import queue
import threading
from collections.abc import Callable

_Job = tuple[asyncio.Future[None], Callable[..., object], tuple[object, ...]]


class DiskThread:
    """Jobs one after another, in the order they were given."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, job: Callable[..., object], *arguments: object) -> asyncio.Future[None]:
        """Do it on the thread; what it raises is raised where the future is awaited."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put((future, job, arguments))
        return future

    def close(self) -> None:
        """Finish what was given, and end."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (given := self._jobs.get()) is not None:
            future, job, arguments = given
            error: BaseException | None = None
            try:
                job(*arguments)
            except BaseException as raised:  # noqa: BLE001 - it belongs to whoever awaits the future
                error = raised
            self._loop.call_soon_threadsafe(_tell, future, error)


def _tell(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():  # nobody waits for it any more
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)

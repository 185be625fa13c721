"""How a card records passes for `RecordedPasses`: CUDA graphs whose memory comes from one pool."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from sidestep_tui.engine.training.graphs import Work


class CardRecorder:
    """Recordings on a card, all from one pool: at the end of each nothing is alive in it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with torch.cuda.device(device):
            self._pool = torch.cuda.MemPool()

    def record(self, work: Work) -> Work:
        """A CUDA graph of what work asks of the card."""
        graph = torch.cuda.CUDAGraph()
        # Torch leaves its stream the current one where a recording fails. The songs come in another, unawaited.
        back = torch.cuda.stream(torch.cuda.current_stream(self._device))
        pool, users = self._pool.id, self._pool.use_count()
        try:
            # Other threads may bring songs to the card meanwhile.
            with back, torch.cuda.graph(graph, pool, self._stream, "thread_local"):  # type: ignore[arg-type]
                work()
        except RuntimeError:
            graph.reset()
            self._end(users)
            raise
        return graph.replay

    def rehearse(self, work: Work) -> None:
        """Does work in the memory of the recordings, which would else stand beside as much again.

        In their stream, as the allocator gives memory back to the stream that had it, and with the way back in this
        thread, as a pool serves one.
        """
        pool, here = torch.cuda.use_mem_pool(self._pool, self._device), torch.autograd.set_multithreading_enabled(False)
        with self._in_its_stream(), pool, here:
            work()

    def _end(self, users: int) -> None:
        """Ends for torch a recording that CUDA has ended with an error; the pool had so many users before it.

        Torch up to 2.13 never gets the memory of its pool back, 2.11 even goes on giving out of it, and lets nobody
        draw random numbers on the card before another recording has come to its end.
        """
        index = self._stream.device_index
        with suppress(RuntimeError):  # torch knows that it has ended
            torch._C._cuda_endAllocateToPool(index, self._pool.id)
        if self._pool.use_count() > users:
            torch._C._cuda_releasePool(index, self._pool.id)
        with self._in_its_stream(), torch.cuda.graph(torch.cuda.CUDAGraph(), stream=self._stream):
            torch.zeros(1, device=self._device)

    @contextmanager
    def _in_its_stream(self) -> Iterator[None]:
        """Inside, the recordings' stream, after all that was asked of the current one, which waits for it."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            current.wait_stream(self._stream)

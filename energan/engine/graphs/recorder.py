"""How work is captured: by CUDA; in tests by an imitation."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, final

import torch
from torch import Tensor

Replay = Callable[[], Tensor]


class Recorder(Protocol):
    """How work is captured: by CUDA; in tests by an imitation that runs anywhere.

    warmed  runs the work where it would be captured; returns what it returns
    capture  returns a function that does the work again, with its tensors in the same places, and returns what the
        work returned. Nothing is computed by the capture itself. RuntimeError for work that cannot be captured.
    """

    def warmed(self, work: Callable[[], Tensor]) -> Tensor: ...
    def capture(self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]) -> Replay: ...


@final
class CudaRecorder:
    """Captures on a stream of its own. Its graphs share their memory: they are never replayed at once."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._stream = device, torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def warmed(self, work: Callable[[], Tensor]) -> Tensor:
        now = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(now)
        with torch.cuda.stream(self._stream):
            result = work()
        now.wait_stream(self._stream)
        result.record_stream(now)
        return result

    def capture(self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]) -> Replay:
        with torch.cuda.device(self._device):  # where generators keep what a graph reads of them
            graph, now = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
            for generator in generators:
                graph.register_generator_state(generator)  # so that each replay draws the next numbers
            try:
                # thread_local: another thread may pin memory for the next batch meanwhile
                with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
                    result = work()
            except BaseException:
                self._recover(graph, now, generators)
                raise

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay

    def _recover(
        self, graph: torch.cuda.CUDAGraph, now: torch.cuda.Stream, generators: Sequence[torch.Generator]
    ) -> None:
        """Where CUDA itself breaks a capture off (the host waited), torch takes it to go on, in three places.

        Its stream stays the current one, generators refuse to draw outside of it, and the allocator, which waits for
        its end, gives no memory back to the device.
        """
        torch.cuda.set_stream(now)
        graph.reset()
        for generator in (*generators, torch.cuda.default_generators[torch.cuda.current_device()]):
            generator.graphsafe_set_state(generator.clone_state())
        with suppress(RuntimeError):  # the allocator knows that it ended
            torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), self._pool)
            torch._C._cuda_releasePool(torch.cuda.current_device(), self._pool)

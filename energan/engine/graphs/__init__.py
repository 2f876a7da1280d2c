"""CUDA graphs: a whole step, captured once and replayed, so that the host launches one graph instead of each kernel.

Small networks are bound by launches: a step of some hundred kernels takes the host longer than the GPU. What a step
does is the same every time but for what the host gives it (`state.Inputs`): that is copied into tensors that stay, and
the graph reads them there. Which turns a step has is fixed within a graph; each sequence of turns gets its own.

Nothing here knows how a step is played, nor which game it is of.
"""

from energan.engine.graphs.graphed import WARM, Graph, Graphed
from energan.engine.graphs.recorder import CudaRecorder, Recorder, Replay

__all__ = ["WARM", "CudaRecorder", "Graph", "Graphed", "Recorder", "Replay"]

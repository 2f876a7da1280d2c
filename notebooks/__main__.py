"""Runs notebooks in a kernel and writes what came out into them: `python -m notebooks 2 5`, or all.

It needs nbclient and ipykernel. Run it in a folder of its own: the notebooks write their runs there.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
LARGEST = 300_000  # bytes; a notebook with larger outputs is written without them


def cleaned(outputs: list[dict]) -> list[dict]:
    """Outputs as they are kept: without times, progress, the second form of a picture, and whose folders they were."""
    kept = []
    for output in outputs:
        data = output.get("data", {})
        data.pop("image/jpeg", None)
        if "metadata" in output:
            output["metadata"] = nbformat.NotebookNode()
        progress = output["output_type"] == "display_data" and set(data) == {"text/plain"}
        stderr = output["output_type"] == "stream" and output["name"] == "stderr"
        if "text/html" in data:
            data["text/plain"] = "(shown as HTML)"
        for texts, kind in ((output, "text"), (data, "text/html")):
            if kind in texts:
                texts[kind] = texts[kind].replace(f"{Path.cwd()}/", "").replace(str(Path.home()), "~")
        if not progress and not stderr:
            kept.append(output)
    return kept


def run(path: Path) -> None:
    book, begun = nbformat.read(path, as_version=4), time.monotonic()
    NotebookClient(book, timeout=3600, resources={"metadata": {"path": Path.cwd()}}).execute()
    for number, cell in enumerate((cell for cell in book.cells if cell.cell_type == "code"), 1):
        cell.metadata, cell.outputs, cell.execution_count = nbformat.NotebookNode(), cleaned(cell.outputs), number
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = number
    known = {"kernelspec": book.metadata["kernelspec"], "language_info": {"name": "python"}}
    book.metadata = nbformat.from_dict(known)
    text = nbformat.writes(book)
    if len(text.encode()) > LARGEST:
        print(f"{path.name}: {len(text.encode()):,} bytes with its outputs, so without them")
        for cell in book.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        text = nbformat.writes(book)
    path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    print(f"{path.name}: {time.monotonic() - begun:.0f} s, {len(text.encode()):,} bytes", flush=True)


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        if not sys.argv[1:] or path.name[0] in sys.argv[1:]:
            run(path)

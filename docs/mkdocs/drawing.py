"""What the page "Draw in your browser" loads: onnxruntime-web and models of the zoo, each as a script.

A page that is opened from disk may load scripts, but fetch no files; so everything is base64 of gzip in a script.
onnxruntime-web comes from the npm registry, by its hash, once: it is kept in the user's cache folder, and so is what is
made of a model.
"""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from energan.commands.export import export
from energan.data.download import fetch_npm
from energan.inference import onnx
from energan.utils.files import cache_dir, keep

RUNTIME = (
    "onnxruntime-web",
    "1.30.0",
    "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
)

SCRIPT, GLUE, WASM = (
    f"package/dist/{name}" for name in ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
)

MODELS = {  # of the zoo -> what the page calls it, and the parts that it runs
    "conditional-dcgan-mnist": ("Digits of a class", ("generator",)),
    "ebgan-pt-mnist": ("Digits and their energies", ("generator", "energy")),
    "ebgan-pt-emoji": ("Emoji and their energies", ("generator", "energy")),
}

LARGEST = 3_000_000  # bytes of a model's .onnx files together


def scripts(zoo: Path) -> dict[str, str]:
    """The scripts, by the path that each has in the site. zoo: the folder of the zoo's models.

    UserError where the registry cannot be reached, or a package that writes ONNX is missing.
    """
    models = {name: model_script(name, zoo / name) for name in MODELS if (zoo / name / "run.json").is_file()}
    listed = [{"name": name, "title": MODELS[name][0], "bytes": len(script)} for name, script in models.items()]
    return {
        "draw/models.js": f"window.energanZoo = {json.dumps(listed)};\n",
        "draw/runtime.js": runtime_script(),
        **{f"draw/{name}.js": script for name, script in models.items()},
    }


def runtime_files() -> tuple[bytes, bytes, bytes]:
    """What a page needs of onnxruntime-web: its script, and the module and the WebAssembly which that loads."""
    with tarfile.open(fileobj=io.BytesIO(fetch_npm(*RUNTIME))) as archive:
        script, glue, wasm = (archive.extractfile(member).read() for member in (SCRIPT, GLUE, WASM))
    return script, glue, wasm


def runtime_script() -> str:
    """onnxruntime-web, and its parts that it would fetch."""
    kept = cache_dir() / "draw" / f"runtime-{RUNTIME[2][:16]}.js"
    if kept.is_file():
        return kept.read_text()
    script, glue, wasm = runtime_files()
    ours = {"mjs": packed(glue), "wasm": packed(wasm)}
    text = f"{script.decode()}\nwindow.energanRuntime = {json.dumps(ours)};\n"
    keep(kept, text.encode())
    return text


def model_script(name: str, folder: Path) -> str:
    """A model of the zoo: its .onnx files of 16-bit weights, and what a page must know of them."""
    digest = hashlib.sha256(Path(onnx.__file__).read_bytes() + Path(__file__).read_bytes())
    for part in ("run.json", "model.safetensors"):
        digest.update((folder / part).read_bytes())
    kept = cache_dir() / "draw" / f"{name}-{digest.hexdigest()[:16]}.js"
    if kept.is_file():
        return kept.read_text()
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary, "out")
        export(str(folder), out=str(out), onnx=True, half=True)
        text = script_of(name, out, json.loads((folder / "run.json").read_text())["data"]["shape"])
    keep(kept, text.encode())
    return text


def script_of(name: str, exported: Path, shape: list[int]) -> str:
    """The script of an exported folder."""
    described = json.loads((exported / "model.json").read_text())["parts"]
    files = {part: (exported / f"{part}.onnx").read_bytes() for part in MODELS[name][1]}
    assert sum(map(len, files.values())) <= LARGEST, f"{name} is too large for a page"
    generator = described["generator"]
    model: dict[str, Any] = {
        "inputs": generator["inputs"],
        "noise": generator["noise"],
        "classes": generator.get("classes"),
        "shape": shape,
        "parts": {part: packed(content) for part, content in files.items()},
    }
    return f"(window.energanModels ??= {{}})[{json.dumps(name)}] = {json.dumps(model)};\n"


def packed(content: bytes) -> str:
    """Base64 of gzip."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()

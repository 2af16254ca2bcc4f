import subprocess
import sys

IMPORT_EVERY_MODULE = """
import importlib, pkgutil, sys
import vreid
for module in pkgutil.walk_packages(vreid.__path__, "vreid."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
heavy = {"torch", "onnx", "onnxruntime", "faiss", "fastapi", "sklearn", "scipy", "httpx"}
rooms = {"training", "export", "service"}
print(sorted((heavy | rooms) & set(sys.modules)))
"""


def test_the_vocabulary_imports_neither_heavy_packages_nor_the_other_rooms() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERY_MODULE], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"

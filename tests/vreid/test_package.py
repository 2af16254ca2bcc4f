import subprocess
import sys

IMPORT_EVERY_MODULE = """
import importlib, pkgutil, sys
import vreid
def import_all(package):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        # The client speaks HTTP, and nothing of the vocabulary imports it.
        if module.name != "vreid.client" and not module.name.endswith("__main__"):
            imported = importlib.import_module(module.name)
            if module.ispkg:
                import_all(imported)
import_all(vreid)
heavy = {"torch", "onnx", "onnxruntime", "faiss", "fastapi", "sklearn", "scipy", "httpx"}
rooms = {"training", "export", "service"}
print(sorted((heavy | rooms) & set(sys.modules)))
"""


def test_the_client_imports_none_of_the_other_rooms() -> None:
    rooms = "{'training', 'export', 'service'}"
    program = f"import sys, vreid.client; print(sorted({rooms} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_the_vocabulary_imports_neither_heavy_packages_nor_the_other_rooms() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERY_MODULE], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"

"""Pictures given to a page as a person does: chosen, dropped, pasted."""

import base64
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import FilePayload, Locator, Page

_DROP = """
(target, files) => {
  const data = new DataTransfer();
  for (const [name, type, text] of files) {
    const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
    data.items.add(new File([bytes], name, { type }));
  }
  for (const kind of ["dragover", "drop"]) {
    const options = { bubbles: true, cancelable: true, dataTransfer: data };
    target.dispatchEvent(new DragEvent(kind, options));
  }
}
"""

# A page may copy a PNG only, so the picture is drawn anew.
_COPY = """
async (text) => {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const png = await canvas.convertToBlob({ type: "image/png" });
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
}
"""


def slot(page: Page, modality: str, of: str = "") -> Locator:
    """The slot of a modality; `of` is the end of its picture's name, as in " of vehicle A"."""
    field = page.get_by_label(f"{modality.upper()} picture{of}", exact=True)
    return page.locator(".slot").filter(has=field)


def choose(page: Page, files: Mapping[str, Path | FilePayload], of: str = "") -> None:
    """Choose a file for each of these modalities."""
    for modality, file in files.items():
        page.get_by_label(f"{modality.upper()} picture{of}", exact=True).set_input_files(file)


def payload(name: str, content: bytes, kind: str = "image/jpeg") -> FilePayload:
    """A file that is on no disk."""
    return {"name": name, "mimeType": kind, "buffer": content}


def drop(target: Locator, files: Mapping[str, bytes]) -> None:
    """Drop files by name, all at once."""
    named = [[name, "image/jpeg", _text(content)] for name, content in files.items()]
    target.evaluate(_DROP, named)


def paste(page: Page, content: bytes) -> None:
    """Copy a picture and press Ctrl-V where the focus is."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(_COPY, _text(content))
    page.keyboard.press("Control+V")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")

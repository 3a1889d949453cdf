#!/usr/bin/env python3
"""Reads the QR code on the first page of PDF files by two programs that share nothing: read_code.py FILE...

Prints for each file a line of JSON: what zbarimg and zxing-cpp read. Needs pdftoppm (poppler-utils) and zbarimg (zbar-tools).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import zxingcpp


def picture(pdf, folder):
    """The first page in grey."""
    path = Path(folder) / "page"
    command = ["pdftoppm", "-r", "200", "-gray", "-l", "1", "-singlefile", pdf, str(path)]
    subprocess.run(command, check=True)
    return path.with_suffix(".pgm")


def pixels(path):
    """Rows of a binary PGM file, as a buffer of two dimensions."""
    kind, size, depth, rest = path.read_bytes().split(b"\n", 3)
    width, height = map(int, size.split())
    assert (kind, depth, len(rest)) == (b"P5", b"255", width * height), (kind, size, depth)
    return memoryview(rest).cast("B", (height, width))


def read(pdf):
    with tempfile.TemporaryDirectory() as folder:
        page = picture(pdf, folder)
        zbar = subprocess.run(["zbarimg", "--quiet", "--raw", str(page)], capture_output=True, check=False)
        zxing = [code.text for code in zxingcpp.read_barcodes(pixels(page))]
        return {"zbar": zbar.stdout.decode().rstrip("\n"), "zxing": "\n".join(zxing)}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(read(name)))

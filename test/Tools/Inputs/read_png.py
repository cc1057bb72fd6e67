"""Decodes a PNG file (8 bits, RGB, no filter) and says what is in it."""
import struct
import sys
import zlib

data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n"
at, chunks = 8, {}
while at < len(data):
    length, kind = struct.unpack(">I4s", data[at:at + 8])
    body = data[at + 8:at + 8 + length]
    checksum, = struct.unpack(">I", data[at + 8 + length:at + 12 + length])
    assert zlib.crc32(kind + body) == checksum, kind
    chunks[kind] = body
    at += 12 + length
width, height, bits, color = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
assert (bits, color) == (8, 2) and b"IEND" in chunks
raw = zlib.decompress(chunks[b"IDAT"])
assert len(raw) == height * (1 + 3 * width)
colors = set()
for row in range(height):
    line = raw[row * (1 + 3 * width):(row + 1) * (1 + 3 * width)]
    assert line[0] == 0
    colors |= {line[i:i + 3] for i in range(1, len(line), 3)}
print(f"{width} x {height},",
      "4 colours or more" if len(colors) >= 4 else f"{len(colors)} colours")

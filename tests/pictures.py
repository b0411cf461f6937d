"""PNG files for tests, without a library of pictures."""

import struct
import zlib


def write_png(path, height, width, rows):
    """8 bits, RGB; `rows` is height x (3 width) values."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"".join(b"\0" + bytes(row) for row in rows)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def read_png(path):
    """(bits, height, width, values) of an RGB PNG that is not interlaced."""
    data = path.read_bytes()
    at, packed = 8, b""
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, bits, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
            assert (colour, interlace) == (2, 0)
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    raw, step = zlib.decompress(packed), 3 * bits // 8
    size, above, values = width * step, bytes(width * step), []
    for y in range(height):
        how, row = raw[y * (size + 1)], bytearray(raw[y * (size + 1) + 1 : (y + 1) * (size + 1)])
        for i in range(size):
            left, up = row[i - step] if i >= step else 0, above[i]
            corner = above[i - step] if i >= step else 0
            paeth = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
            row[i] = (row[i] + (0, left, up, (left + up) // 2, paeth)[how]) & 255
        above = bytes(row)
        values += struct.unpack(f">{len(row) // 2}H", row) if bits == 16 else row
    return bits, height, width, values


def pattern(frame, height, width):
    """Rows of a picture that moves to the left from frame to frame."""
    return [[(40 * c + 7 * (x + frame) + 5 * y * (c + 1)) % 256 for x in range(width) for c in range(3)] for y in range(height)]


def write_frames(folder, count, height, width):
    """A clip as a folder of pictures."""
    folder.mkdir()
    for frame in range(count):
        write_png(folder / f"{frame:08d}.png", height, width, pattern(frame, height, width))

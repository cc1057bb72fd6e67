"""Prints the tensors of a .safetensors file."""
import json
import sys

with open(sys.argv[1], "rb") as file:
    size = int.from_bytes(file.read(8), "little")
    for name, entry in json.loads(file.read(size)).items():
        print(name, entry["dtype"], entry["shape"])

"""Makes tests/conformance/float16-types.json: which inputs and outputs of ONNX's operators may be float32 but not float16.

Run from the repository root with onnx installed: python tools/conformance/float16-types.py
One entry for each version of an operator that has such inputs or outputs, and for the first version that has none any more.
"""

import json
import pathlib

import onnx
from onnx import defs

RESULT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "conformance" / "float16-types.json"


def float_only(parameters):
    return [
        position
        for position, parameter in enumerate(parameters)
        if "tensor(float)" in parameter.types and "tensor(float16)" not in parameter.types
    ]


versions = {}
for schema in defs.get_all_schemas_with_history():
    if schema.domain == "" and not schema.deprecated:
        entry = {"from": schema.since_version, "inputs": float_only(schema.inputs), "outputs": float_only(schema.outputs)}
        versions.setdefault(schema.name, []).append(entry)

operators = {}
for name, entries in sorted(versions.items()):
    entries.sort(key=lambda entry: entry["from"])
    if any(entry["inputs"] or entry["outputs"] for entry in entries):
        operators[name] = entries

RESULT.write_text(json.dumps({"onnx": onnx.__version__, "operators": operators}, indent=1) + "\n")

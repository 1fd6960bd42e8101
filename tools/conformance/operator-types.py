"""Writes which element types the outputs of every operator have into tests/conformance/operator-types.json.

Every operator of the installed onnx and, of com.microsoft, of onnxruntime, in its newest version: one concrete type for each type variable
(float32 where it may be), the inputs of these types in order and the outputs that follow from them. An output whose variable no input has
and that may be of several types is null: an attribute decides. Variadic inputs are written three times.
Run: python tools/conformance/operator-types.py   (onnx 1.23, onnxruntime 1.30)
"""

import json
from pathlib import Path

import onnx
import onnxruntime
from onnx import defs
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

OUT = Path(__file__).resolve().parents[2] / "tests/conformance/operator-types.json"
PREFERRED = ["tensor(float)", "tensor(float16)", "tensor(int32)", "tensor(int64)", "seq(tensor(float))"]
NAMES = {"float": "float32", "double": "float64", "float8e4m3fn": "float8e4m3fn"}


def type_string(formal):
    return formal.typeStr if hasattr(formal, "typeStr") else formal.type_str


def dtype_name(text):
    """`float32` for a tensor; sequences, maps and optional values by their kind."""
    if text.startswith("tensor("):
        inner = text[len("tensor(") : -1]
        return NAMES.get(inner, inner)
    return {"seq": "sequence", "optional": "optional", "map": "other", "sparse_tensor": "sparse"}[text.split("(")[0]]


def case(schema):
    variables = {}
    for constraint in schema.type_constraints:
        allowed = sorted(constraint.allowed_type_strs)
        chosen = next((text for text in PREFERRED if text in allowed), allowed[0] if allowed else None)
        variables[constraint.type_param_str] = (chosen, len(allowed))
    concrete = lambda formal: variables.get(type_string(formal), (type_string(formal), 1))
    inputs = []
    for position, formal in enumerate(schema.inputs):
        # The last input may repeat; optional ones are given, too.
        repeats = 3 if position == len(schema.inputs) - 1 and "variadic" in str(formal.option).lower() else 1
        inputs += [dtype_name(concrete(formal)[0])] * repeats
    given = {type_string(formal) for formal in schema.inputs}
    outputs = []
    for formal in schema.outputs:
        text, choices = concrete(formal)
        outputs.append(dtype_name(text) if choices == 1 or type_string(formal) in given else None)
    return {"domain": schema.domain, "op": schema.name, "since": schema.since_version, "inputs": inputs, "outputs": outputs}


def main():
    newest = {}
    for schema in [*defs.get_all_schemas(), *(s for s in get_all_operator_schema() if s.domain == "com.microsoft")]:
        if not schema.deprecated if hasattr(schema, "deprecated") else True:
            newest[schema.domain, schema.name] = schema
    cases = [case(newest[key]) for key in sorted(newest)]
    lines = ",\n".join("    " + json.dumps(one, separators=(",", ":")) for one in cases)
    versions = json.dumps({"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__})
    made = json.dumps("python tools/conformance/operator-types.py")
    OUT.write_text(f'{{\n  "made": {made},\n  "versions": {versions},\n  "operators": [\n{lines}\n  ]\n}}\n')
    print(f"{OUT.name}: {len(cases)} operators, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""Lets the ONNX checker judge the files that the round-trip study wrote, and adds its verdict to the study's results.

Usage: python tools/studies/check-with-onnx.py FOLDER RESULTS.json
FOLDER holds `round-trip/` and `raised/`, one subfolder a set of models. Needs the `onnx` package.
"""

import collections
import json
import pathlib
import sys

import onnx


def check(folder: pathlib.Path) -> dict:
    accepted = 0
    rejected = collections.defaultdict(list)
    for path in sorted(folder.rglob("*.onnx")):
        try:
            onnx.checker.check_model(onnx.load(path), full_check=False)
            accepted += 1
        except Exception as error:  # the checker throws several classes, all of them are a verdict
            reason = str(error).strip().splitlines()[0]
            rejected[reason].append(str(path.relative_to(folder)))
    verdict = {"accepted": accepted, "rejected": sum(map(len, rejected.values()))}
    return verdict | ({"rejectedBecause": rejected} if rejected else {})


def main() -> None:
    folder, results = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    report = json.loads(results.read_text())
    report["checker"] = f"onnx.checker of onnx {onnx.__version__}"
    report["checkerCommand"] = "python tools/studies/check-with-onnx.py FOLDER tests/studies/results/round-trip.json"
    for name, judged in report["sets"].items():
        for kind, key in (("round-trip", "roundTrip"), ("raised", "raised")):
            judged[key]["checker"] = check(folder / kind / name)
    results.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")


main()

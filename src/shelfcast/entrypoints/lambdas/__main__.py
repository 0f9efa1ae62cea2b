"""A step in a container: `python -m shelfcast.entrypoints.lambdas step '{"step": "train", "parameters": {...}}'`.

The call may come in pieces, cut at its commas: SageMaker Processing takes arguments of up to 256 characters.

With `SHELFCAST_TASK_TOKEN` set (Fargate's `waitForTaskToken`) the answer, or the error with its name, goes to the state
machine; without, it is printed.
"""

from __future__ import annotations

import json
import os
import sys

from shelfcast.bootstrap import task_reporter
from shelfcast.entrypoints.aws_lake import run_step


def main(arguments: list[str]) -> int:
    if len(arguments) < 2 or arguments[0] != "step":
        print("usage: python -m shelfcast.entrypoints.lambdas step '{\"step\": NAME, ...}'", file=sys.stderr)
        return 2
    report = task_reporter(os.environ)
    try:
        with report.beating():
            answer = run_step(json.loads(",".join(arguments[1:])))
    except Exception as error:
        report.failed(type(error).__name__, str(error))
        raise
    report.succeeded(answer)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
